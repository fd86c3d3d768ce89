#include <cstring>
#include <string>
#include <vector>

#include "../../src/core/commands.h"
#include "../../src/core/heartbeat.h"
#include "../../src/core/identity.h"
#include "check.h"
#include "fakes.h"
#include "tests.h"

using namespace signalcraft;

namespace {

struct Handler final : CommandHandler {
  std::vector<std::string> performed;
  int restarts = 0;
  bool perform(const char* kind, const JsonValue&, const char*& error) override {
    performed.emplace_back(kind);
    error = "no such sensor";
    return std::strcmp(kind, "calibrate") != 0;
  }
  void restart() override { ++restarts; }
};

struct Node {
  fakes::Server server;
  HttpClient http{server, {"example.test", 80, nullptr}};
  Handler handler;
  Commands commands{http, handler, "SC-1"};

  void receive(const char* text, int acknowledgement) {
    server.answers.assign(8, fakes::http(acknowledgement, "{}"));
    commands.receive(JsonValue::parse(text));
  }
};

void each_command_is_done_once_and_acknowledged_each_time() {
  Node node;
  const char* answer =
      "{\"success\":true,\"commands\":[{\"type\":\"config\",\"command_id\":7,\"upload_interval\":30},"
      "{\"type\":\"calibrate\",\"command_id\":8}]}";
  node.receive(answer, 503);
  node.receive(answer, 200);
  CHECK((node.handler.performed == std::vector<std::string>{"config", "calibrate"}));
  CHECK(node.server.requests.size() == 4);
  CHECK(node.server.requests[2].find("POST /api/esp32/commands/7/ack ") == 0);
  CHECK(node.server.requests[2].find("{\"device_id\":\"SC-1\",\"success\":true}") != std::string::npos);
  CHECK(node.server.requests[3].find("\"success\":false,\"message\":\"no such sensor\"}") != std::string::npos);
}

void a_restart_waits_until_the_server_has_heard_of_it() {
  Node node;
  const char* answer = "{\"commands\":[{\"type\":\"restart\",\"command_id\":9}]}";
  node.receive(answer, 503);
  CHECK(node.handler.restarts == 0);
  node.receive(answer, 200);
  CHECK(node.handler.restarts == 1);
}

void an_answer_without_commands_does_nothing() {
  Node node;
  for (const char* answer : {"{}", "[]", "{\"commands\":7}", "{\"commands\":[{}]}", "{\"commands\":[{\"type\":\"restart\"}]}"}) {
    node.receive(answer, 200);
  }
  CHECK(node.server.requests.empty());
}

void a_heartbeat_says_how_the_node_is_and_brings_commands() {
  Node node;
  fakes::Clock clock;
  fakes::Entropy entropy{4};
  Backoff backoff(entropy);
  Heartbeat heartbeat(node.http, clock, backoff, node.commands, {"SC-1", "1.4.0", "ESP32_v1", 77});
  node.server.answers = {fakes::http(503, "{\"success\":false}")};
  heartbeat.step({-67, 120000});
  CHECK(!heartbeat.was_heard());
  clock.uptime += 2000000;
  node.server.answers = {fakes::http(200, "{\"success\":true,\"commands\":[{\"type\":\"config\",\"command_id\":3}]}"),
                         fakes::http(200, "{}")};
  heartbeat.step({-67, 120000});
  CHECK(heartbeat.was_heard());
  CHECK(node.server.requests[1].find("\r\n\r\n{\"device_id\":\"SC-1\",\"boot_id\":77,\"uptime_ms\":2000,\"rssi_dbm\":-67,"
                                     "\"free_heap_bytes\":120000,\"firmware_version\":\"1.4.0\","
                                     "\"hardware_version\":\"ESP32_v1\"}") != std::string::npos);
  CHECK(node.handler.performed.size() == 1 && node.server.requests.size() == 3);
  heartbeat.step({-67, 120000});
  CHECK(node.server.requests.size() == 3);
}

void the_name_is_the_mac_address() {
  const uint8_t mac[6] = {0xA1, 0xB2, 0xC3, 0x04, 0xE5, 0xF6};
  char id[kDeviceIdLength];
  device_id_of(mac, id);
  CHECK(std::strcmp(id, "SC-A1B2C304E5F6") == 0);
}

}  // namespace

void test_commands() {
  RUN(each_command_is_done_once_and_acknowledged_each_time);
  RUN(a_restart_waits_until_the_server_has_heard_of_it);
  RUN(an_answer_without_commands_does_nothing);
  RUN(a_heartbeat_says_how_the_node_is_and_brings_commands);
  RUN(the_name_is_the_mac_address);
}
