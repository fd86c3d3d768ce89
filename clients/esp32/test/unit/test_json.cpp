#include <cmath>
#include <cstring>
#include <string>

#include "../../src/core/json_reader.h"
#include "../../src/core/reading.h"
#include "check.h"
#include "fakes.h"
#include "tests.h"

using namespace signalcraft;

namespace {

std::string json_of(const Reading& reading) {
  char buffer[400];
  JsonWriter json(buffer, sizeof buffer);
  write(json, "SC-1", reading);
  CHECK(json.fits());
  return {buffer, json.length()};
}

void a_reading_with_a_clock_carries_its_time() {
  Reading reading;
  reading.stamp = {1795392000000001, 5000000, 9, 4};
  reading.measured = {-18.5f, 0.01f, NAN, INFINITY, 41.0f, 812.0f};
  CHECK(json_of(reading) ==
        "{\"device_id\":\"SC-1\",\"timestamp\":1795392000.000001,\"boot_id\":9,\"sequence\":4,\"uptime_ms\":5000,\"temperature\":-18.5,"
        "\"vibration\":{\"x\":0.00999999978,\"y\":null,\"z\":null},\"power_consumption\":41,\"audio_level\":812}");
}

void a_reading_without_a_clock_carries_boot_sequence_and_uptime() {
  Reading reading;
  reading.stamp = {0, 61000123, 4000000000u, 7};
  CHECK(json_of(reading).find("\"boot_id\":4000000000,\"sequence\":7,\"uptime_ms\":61000,") != std::string::npos);
  CHECK(json_of(reading).find("timestamp") == std::string::npos);
}

void a_reading_survives_packing() {
  Reading reading;
  reading.stamp = {1795392000123456, 99, 3, 4};
  reading.measured = {1, 2, 3, 4, 5, NAN};
  uint8_t bytes[kPackedReading];
  pack(reading, bytes);
  Reading again;
  CHECK(unpack(bytes, kPackedReading, again));
  CHECK(json_of(again) == json_of(reading));
  bytes[0] = 9;
  CHECK(!unpack(bytes, kPackedReading, again));
}

void no_two_stamps_are_alike() {
  fakes::Clock clock;
  fakes::Entropy entropy(1);
  Stamper stamper(clock, entropy);
  clock.unix_at_boot = 1795392000000000;
  const Stamp first = stamper.now();
  const Stamp second = stamper.now();
  CHECK(second.sequence == first.sequence + 1);
  CHECK(second.unix_us != first.unix_us);
  CHECK(Stamper(clock, entropy).boot_id() != stamper.boot_id());
}

void what_has_no_room_is_said_and_taken_back() {
  char buffer[8];
  JsonWriter json(buffer, sizeof buffer);
  json.begin_array().whole(1);
  const size_t before = json.length();
  json.text("too long");
  CHECK(!json.fits());
  json.rewind(before);
  json.end_array();
  CHECK(json.fits() && std::string(buffer, json.length()) == "[1]");
}

void finds_values_and_refuses_what_is_malformed() {
  const auto document =
      JsonValue::parse(" {\"a\": [1, {\"b\": \"x\\\"y\\u00e9\"}, 2.5e3], \"id\": 12, \"t\": true, \"name\": \"a\\/b\"} ");
  uint64_t number = 0;
  CHECK(document.member("id").whole(number) && number == 12);
  CHECK(document.member("a").size() == 3);
  CHECK(document.member("a").item(1).member("b").present());
  CHECK(!document.member("a").item(2).whole(number));
  CHECK(document.member("t").is_true() && !document.member("x").is_true());
  char text[8];
  CHECK(document.member("name").text(text, sizeof text) && std::strcmp(text, "a/b") == 0);
  CHECK(!document.member("name").text(text, 3));
  CHECK(!JsonValue::parse("{}").member("name").present());
  for (const char* bad : {"", "{", "{\"a\"}", "[1,]", "nan", "{\"a\":1}x", "\"", "\"\\", "[1 2]", "{a:1}", "-", "1.", "tru",
                          "[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]", "<html>"}) {
    CHECK(!JsonValue::parse(bad).present());
  }
}

// Whatever is cut off or altered, the reader stays within the text (the sanitizer watches) and ends.
void is_not_led_astray_by_damaged_documents() {
  const std::string document = "{\"success\":true,\"errors\":[{\"index\":1,\"field\":\"a\\\\\"}],\"stored\":99,\"n\":-1.5e-3}";
  fakes::Entropy entropy(7);
  for (int round = 0; round < 20000; ++round) {
    std::string damaged = document.substr(0, entropy.next() % (document.size() + 1));
    if (!damaged.empty()) damaged[entropy.next() % damaged.size()] = static_cast<char>(entropy.next() % 255 + 1);
    const auto value = JsonValue::parse(damaged.c_str());
    uint64_t number = 0;
    char text[16];
    value.member("errors").item(0).member("field").text(text, sizeof text);
    value.member("stored").whole(number);
  }
}

}  // namespace

void test_json() {
  RUN(a_reading_with_a_clock_carries_its_time);
  RUN(a_reading_without_a_clock_carries_boot_sequence_and_uptime);
  RUN(a_reading_survives_packing);
  RUN(no_two_stamps_are_alike);
  RUN(what_has_no_room_is_said_and_taken_back);
  RUN(finds_values_and_refuses_what_is_malformed);
  RUN(is_not_led_astray_by_damaged_documents);
}
