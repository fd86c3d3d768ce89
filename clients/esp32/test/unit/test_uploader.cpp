#include <algorithm>
#include <string>

#include "../../src/core/reading.h"
#include "../../src/core/uploader.h"
#include "check.h"
#include "fakes.h"
#include "tests.h"

using namespace signalcraft;

namespace {

struct Node {
  fakes::Flash flash{8, 4096};
  fakes::Clock clock;
  fakes::Entropy entropy{3};
  fakes::Server server;
  Journal journal{flash};
  HttpClient http{server, {"example.test", 80, nullptr}};
  Backoff backoff{entropy};
  char buffer[4096];
  Uploader uploader;
  Stamper stamper{clock, entropy};

  explicit Node(uint32_t readings) : uploader(journal, http, clock, backoff, settings(), buffer, sizeof buffer) {
    CHECK(journal.mount());
    clock.unix_at_boot = 1795392000000000;
    for (uint32_t i = 0; i < readings; ++i) {
      clock.uptime += 1000000;
      Reading reading;
      reading.stamp = stamper.now();
      reading.measured.temperature_c = static_cast<float>(i);
      uint8_t bytes[kPackedReading];
      pack(reading, bytes);
      CHECK(journal.append(bytes, kPackedReading));
    }
  }

  static Uploader::Settings settings() {
    Uploader::Settings settings{};
    settings.device_id = "SC-1";
    settings.interval_ms = 30000;
    settings.most_readings = 8;
    return settings;
  }

  // Answers once; returns how many readings the request held.
  long send(const std::string& answer) {
    clock.uptime = std::max(clock.uptime, uploader.next_us());
    server.answers = {answer};
    uploader.step();
    const std::string& sent = server.requests.back();
    long count = 0;
    for (size_t at = sent.find("device_id"); at != std::string::npos; at = sent.find("device_id", at + 1)) ++count;
    return count;
  }

  uint64_t wait_ms() const { return (uploader.next_us() - clock.uptime) / 1000; }
};

std::string stored(int stored, int duplicates = 0) {
  return fakes::http(200, "{\"success\":true,\"stored\":" + std::to_string(stored) +
                              ",\"duplicates\":" + std::to_string(duplicates) + ",\"errors\":[]}");
}

std::string refusal(int status) { return fakes::http(status, "{\"success\":false,\"detail\":\"no\"}"); }

void deletes_only_what_is_acknowledged() {
  Node node(20);
  CHECK(node.send(stored(8)) == 8);
  CHECK(node.journal.pending() == 12);
  CHECK(node.wait_ms() == 0);  // a full batch still waits
  CHECK(node.send(stored(6, 2)) == 8);
  CHECK(node.journal.pending() == 4);
  CHECK(node.wait_ms() == 30000);
  CHECK(node.send(stored(3)) == 4);
  CHECK(node.journal.pending() == 0 && node.uploader.counts().refused == 1);
}

void whatever_is_no_acknowledgement_keeps_everything() {
  const std::string portal = fakes::http(200, "<html>Welcome to our free Wi-Fi</html>");
  for (const std::string& answer :
       {std::string(), portal, fakes::http(200, "{\"success\":true}"), stored(9), fakes::http(400, "<html>"),
        stored(8).substr(0, 90), refusal(401), refusal(403), refusal(404), refusal(429), refusal(500), refusal(503),
        fakes::http(502, "")}) {
    Node node(20);
    node.send(answer);
    CHECK(node.journal.pending() == 20);
    CHECK(node.uploader.counts().failures == 1);
    CHECK(node.send(stored(8)) == 8);
    CHECK(node.journal.pending() == 12);
  }
}

void one_bad_reading_does_not_hold_up_the_others() {
  Node node(8);
  CHECK(node.send(refusal(422)) == 8);
  CHECK(node.send(refusal(422)) == 4);
  CHECK(node.send(refusal(422)) == 2);
  CHECK(node.send(refusal(422)) == 1);
  CHECK(node.journal.pending() == 7);
  CHECK(node.uploader.counts().refused == 1);
  CHECK(node.send(stored(1)) == 1);
  CHECK(node.send(stored(2)) == 2);
  CHECK(node.send(stored(4)) == 4);
  CHECK(node.journal.pending() == 0);
}

void waits_longer_each_time_by_lot_and_as_long_as_asked() {
  uint64_t longest = 0;
  Node node(3);
  uint64_t differ = 0;
  for (int failure = 0; failure < 12; ++failure) {
    node.send(refusal(500));
    const uint64_t span = std::min<uint64_t>(Backoff::kLongestMs, 1000ull << failure);
    CHECK(node.wait_ms() <= span);
    differ += node.wait_ms() != span;
    longest = std::max(longest, node.wait_ms());
  }
  CHECK(differ > 8 && longest > 60000);
  Node other(3);
  other.send(fakes::http(429, "{\"success\":false}", "Retry-After: 40\r\n"));
  CHECK(other.wait_ms() >= 40000 && other.wait_ms() <= 41000);
  other.send(stored(3));
  CHECK(other.wait_ms() == 30000);
}

void nodes_that_boot_together_do_not_send_together() {
  uint64_t sum = 0;
  for (uint32_t seed = 1; seed <= 200; ++seed) {
    fakes::Entropy entropy(seed);
    Backoff backoff(entropy);
    const uint32_t first = backoff.jitter(30000);
    CHECK(first <= 30000);
    sum += first;
  }
  CHECK(sum / 200 > 12000 && sum / 200 < 18000);
}

void a_batch_has_room_in_the_buffer() {
  Node node(0);
  char small[640];
  Uploader uploader(node.journal, node.http, node.clock, node.backoff, Node::settings(), small, sizeof small);
  Node filled(5);
  Uploader tight(filled.journal, filled.http, filled.clock, filled.backoff, Node::settings(), small, sizeof small);
  filled.server.answers = {stored(3)};
  tight.step();
  const std::string& sent = filled.server.requests.back();
  CHECK(sent.substr(sent.size() - 2) == "}]");
  CHECK(filled.journal.pending() == 2);
}

}  // namespace

void test_uploader() {
  RUN(deletes_only_what_is_acknowledged);
  RUN(whatever_is_no_acknowledgement_keeps_everything);
  RUN(one_bad_reading_does_not_hold_up_the_others);
  RUN(waits_longer_each_time_by_lot_and_as_long_as_asked);
  RUN(nodes_that_boot_together_do_not_send_together);
  RUN(a_batch_has_room_in_the_buffer);
}
