#include <string>

#include "../../src/core/clip.h"
#include "check.h"
#include "fakes.h"
#include "tests.h"

using namespace signalcraft;

namespace {

struct Node {
  fakes::Flash flash{4, 4096};
  fakes::Clock clock;
  fakes::Entropy entropy{2};
  fakes::Server server;
  HttpClient http{server, {"example.test", 80, nullptr}};
  Backoff backoff{entropy};
  ClipSender sender{flash, http, clock, backoff, "SC-1"};

  Node() {
    const std::string sound(5000, 's');
    flash.write(4096, sound.data(), 5000);
    clock.uptime = 20000000;
    Clip clip;
    clip.offset = 4096;
    clip.size = 5000;
    clip.began_us = 5000000;
    sender.offer(clip);
  }

  const std::string& answer(const std::string& text) {
    clock.uptime += 600000000;
    server.answers = {text};
    sender.step();
    return server.requests.back();
  }
};

void a_clip_carries_when_it_began_however_late_it_is_sent() {
  Node node;
  node.clock.unix_at_boot = 1795392000000000;
  const std::string first = node.answer(fakes::http(503, "{\"success\":false}"));
  CHECK(node.sender.is_waiting());
  const std::string second = node.answer(fakes::http(200, "{\"success\":true}"));
  CHECK(first == second);
  CHECK(first.find("X-Measured-At: 1795392005.000\r\n") != std::string::npos);
  CHECK(first.substr(first.size() - 5000) == std::string(5000, 's'));
  CHECK(!node.sender.is_waiting() && node.sender.sent() == 1);
}

void without_a_clock_its_arrival_counts() {
  Node node;
  CHECK(node.answer(fakes::http(200, "{\"success\":true}")).find("X-Measured-At") == std::string::npos);
}

void only_signalcraft_can_take_or_refuse_it() {
  Node node;
  node.answer(fakes::http(200, "<html>Wi-Fi</html>"));
  node.answer(fakes::http(400, "<html>Wi-Fi</html>"));
  node.answer("");
  CHECK(node.sender.is_waiting());
  node.answer(fakes::http(422, "{\"success\":false}"));
  CHECK(!node.sender.is_waiting() && node.sender.sent() == 0);
}

}  // namespace

void test_clip() {
  RUN(a_clip_carries_when_it_began_however_late_it_is_sent);
  RUN(without_a_clock_its_arrival_counts);
  RUN(only_signalcraft_can_take_or_refuse_it);
}
