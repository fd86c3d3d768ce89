#include <cstring>
#include <string>

#include "../../src/core/update.h"
#include "check.h"
#include "fakes.h"
#include "signed_image.h"
#include "tests.h"

using namespace signalcraft;

namespace {

struct Slot final : ImageSlot {
  std::string bytes = std::string(16384, '\0');
  bool selected = false;
  bool on_trial = false;
  bool kept = false;
  bool rolled_back = false;
  uint32_t capacity() const override { return static_cast<uint32_t>(bytes.size()); }
  bool erase(uint32_t) override { return true; }
  bool write(uint32_t offset, const void* data, uint32_t length) override {
    std::memcpy(&bytes[offset], data, length);
    return true;
  }
  bool read(uint32_t offset, void* data, uint32_t length) override {
    std::memcpy(data, &bytes[offset], length);
    return true;
  }
  bool select() override { return selected = true; }
  bool is_on_trial() override { return on_trial; }
  void keep() override {
    kept = true;
    on_trial = false;
  }
  void roll_back() override { rolled_back = true; }
};

std::string image() {
  std::string bytes;
  for (uint32_t i = 0; i < 10000; ++i) bytes.push_back(static_cast<char>((i * 7 + i / 256) % 251));
  return bytes;
}

Manifest manifest() {
  Manifest parsed;
  CHECK(Manifest::parse(JsonValue::parse(kCommand), parsed));
  return parsed;
}

struct Node {
  Slot slot;
  fakes::Server server;
  fakes::Clock clock;
  fakes::Entropy entropy{5};
  HttpClient http{server, {"example.test", 80, nullptr}};
  Backoff backoff{entropy};
  Update update{slot, http, clock, backoff, "SC-1"};

  bool begin(const Manifest& offered) { return update.begin(offered, kPublicKey, "ESP32_v1"); }

  // How it ended is told, and the server answers that.
  void tell(int status) {
    clock.uptime += 3600ull * 1000000;
    server.answers = {fakes::http(status, "{}")};
    update.step();
  }

  // The server's answer to a range, of which the connection brings only `length` bytes.
  void bring(uint32_t from, uint32_t length, const std::string& bytes) {
    clock.uptime += 3600ull * 1000000;
    server.answers = {"HTTP/1.1 206 X\r\nContent-Range: bytes " + std::to_string(from) + "-9999/10000\r\nContent-Length: " +
                      std::to_string(bytes.size() - from) + "\r\n\r\n" + bytes.substr(from, length)};
    update.step();
  }
};

void a_signed_image_comes_in_pieces_and_is_selected() {
  Node node;
  CHECK(node.begin(manifest()));
  node.bring(0, 3000, image());
  CHECK(node.update.percent() == 30);
  node.clock.uptime += 3600ull * 1000000;
  node.server.answers = {};  // no connection
  node.update.step();
  node.bring(2000, 8000, image());  // not the piece that was asked for
  CHECK(node.update.percent() == 30);
  node.bring(3000, 7000, image());
  CHECK(node.server.requests.back().find("Range: bytes=3000-\r\n") != std::string::npos);
  CHECK(!node.slot.selected);
  node.update.step();
  CHECK(node.update.state() == Update::State::kInstalled && node.slot.selected);
  CHECK(node.slot.bytes.substr(0, 10000) == image());
  node.tell(503);
  CHECK(!node.update.is_ready());
  node.tell(200);
  CHECK(node.update.is_ready());
  CHECK(node.server.requests.back().find("{\"device_id\":\"SC-1\",\"state\":\"installing\"}") != std::string::npos);
}

void nothing_is_downloaded_that_is_not_signed_for_this_node() {
  for (int change = 0; change < 6; ++change) {
    Node node;
    Manifest offered = manifest();
    uint8_t key[32];
    std::memcpy(key, kPublicKey, sizeof key);
    const char* hardware = "ESP32_v1";
    if (change == 0) offered.signature[5] ^= 1;
    if (change == 1) offered.sha256[31] ^= 1;
    if (change == 2) offered.size += 1;
    if (change == 3) std::strcpy(offered.version, "9.9.9");
    if (change == 4) key[0] ^= 1;
    if (change == 5) hardware = "ESP32_v2";
    CHECK(!node.update.begin(offered, key, hardware));
    CHECK(node.update.state() == Update::State::kFailed && std::strlen(node.update.error()) > 0);
    node.update.step();
    CHECK(node.server.requests.empty());
  }
}

void an_image_that_was_altered_on_its_way_is_not_started() {
  std::string altered = image();
  altered[9999] = static_cast<char>(altered[9999] ^ 1);
  Node node;
  CHECK(node.begin(manifest()));
  node.bring(0, 10000, altered);
  node.update.step();
  CHECK(node.update.state() == Update::State::kFailed && !node.slot.selected);
  node.tell(200);
  CHECK(node.server.requests.back().find("\"failed\",\"error\":\"the image is not") != std::string::npos);
  const size_t requests = node.server.requests.size();
  node.update.step();
  CHECK(node.server.requests.size() == requests);
  CHECK(node.begin(manifest()));  // and may be offered again
}

void gives_up_when_nothing_comes() {
  Node node;
  CHECK(node.begin(manifest()));
  for (int attempt = 0; attempt < 50; ++attempt) {
    node.clock.uptime += 3600ull * 1000000;
    node.server.answers = {fakes::http(404, "{}")};
    node.update.step();
  }
  CHECK(node.update.state() == Update::State::kFailed);
  CHECK(node.server.requests.size() == 50);
}

void malformed_manifests_are_refused() {
  const std::string good = kCommand;
  Manifest parsed;
  const auto without = [&](const std::string& old, const std::string& now) {
    std::string text = good;
    const size_t at = text.find(old);
    CHECK(at != std::string::npos);
    text.replace(at, old.size(), now);
    return Manifest::parse(JsonValue::parse(text.c_str()), parsed);
  };
  CHECK(!without("\"version\"", "\"x\""));
  CHECK(!without("/api/iot", "http://evil.test/api/iot"));
  CHECK(!without("10000", "0"));
  CHECK(!without("10000", "-1"));
  CHECK(!without("\"sha256\":\"", "\"sha256\":\"00"));
  CHECK(!without("\"signature\":\"", "\"signature\":\"AAAA"));
  CHECK(!without("1.4.0", std::string(60, '1')));
}

void new_firmware_stays_only_if_it_reaches_the_server() {
  Node node;
  Trial trial(node.slot, node.clock);
  node.slot.on_trial = true;
  trial.step(false);
  CHECK(!node.slot.kept && !node.slot.rolled_back);
  trial.step(true);
  CHECK(node.slot.kept);
  node.slot.on_trial = true;
  node.clock.uptime = Trial::kLongestUs + 1;
  trial.step(false);
  CHECK(node.slot.rolled_back);
}

}  // namespace

void test_update() {
  RUN(a_signed_image_comes_in_pieces_and_is_selected);
  RUN(nothing_is_downloaded_that_is_not_signed_for_this_node);
  RUN(an_image_that_was_altered_on_its_way_is_not_started);
  RUN(gives_up_when_nothing_comes);
  RUN(malformed_manifests_are_refused);
  RUN(new_firmware_stays_only_if_it_reaches_the_server);
}
