#include "reading.h"

#include <cstring>

namespace signalcraft {
namespace {

constexpr uint8_t kVersion = 1;

// Every ESP32 and every host the tests run on is little-endian; memcpy keeps alignment out of it.
template <typename Value>
uint8_t* store(uint8_t* at, const Value& value) {
  std::memcpy(at, &value, sizeof value);
  return at + sizeof value;
}

template <typename Value>
const uint8_t* load(const uint8_t* at, Value& value) {
  std::memcpy(&value, at, sizeof value);
  return at + sizeof value;
}

}  // namespace

Stamp Stamper::now() {
  Stamp stamp;
  stamp.boot_id = boot_id_;
  stamp.sequence = sequence_++;
  stamp.uptime_us = clock_.uptime_us();
  stamp.unix_us = clock_.unix_us();
  // The time is the reading's key: two in one microsecond would be one reading to the server.
  if (stamp.unix_us != 0 && stamp.unix_us == latest_unix_us_) ++stamp.unix_us;
  latest_unix_us_ = stamp.unix_us;
  return stamp;
}

void pack(const Reading& reading, uint8_t bytes[kPackedReading]) {
  uint8_t* at = store(bytes, kVersion);
  at = store(at, reading.stamp.unix_us);
  at = store(at, reading.stamp.uptime_us);
  at = store(at, reading.stamp.boot_id);
  at = store(at, reading.stamp.sequence);
  static_assert(sizeof(Measured) == 24, "six floats without padding");
  store(at, reading.measured);
}

bool unpack(const uint8_t* bytes, uint16_t length, Reading& reading) {
  if (length != kPackedReading || bytes[0] != kVersion) return false;
  const uint8_t* at = load(bytes + 1, reading.stamp.unix_us);
  at = load(at, reading.stamp.uptime_us);
  at = load(at, reading.stamp.boot_id);
  at = load(at, reading.stamp.sequence);
  load(at, reading.measured);
  return true;
}

void write(JsonWriter& json, const char* device_id, const Reading& reading) {
  const Stamp& stamp = reading.stamp;
  const Measured& measured = reading.measured;
  json.begin_object().key("device_id").text(device_id);
  if (stamp.unix_us != 0) json.key("timestamp").seconds(stamp.unix_us);
  json.key("boot_id").whole(stamp.boot_id).key("sequence").whole(stamp.sequence);
  json.key("uptime_ms").whole(stamp.uptime_us / 1000);
  json.key("temperature").number(measured.temperature_c);
  json.key("vibration").begin_object();
  json.key("x").number(measured.vibration_x).key("y").number(measured.vibration_y);
  json.key("z").number(measured.vibration_z).end_object();
  json.key("power_consumption").number(measured.power_percent);
  json.key("audio_level").number(measured.audio_level).end_object();
}

}  // namespace signalcraft
