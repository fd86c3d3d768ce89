// One reading: how it waits in flash, and how it travels.
#pragma once

#include <cmath>
#include <cstdint>

#include "json_writer.h"
#include "ports.h"

namespace signalcraft {

// NAN where a sensor is missing or has nothing to say.
struct Measured {
  float temperature_c = NAN;
  float vibration_x = NAN;  // in the unit that the device is set to, g unless said otherwise
  float vibration_y = NAN;
  float vibration_z = NAN;
  float power_percent = NAN;
  float audio_level = NAN;  // mean of the absolute 16-bit samples
};

// When it was: the time of day if it was known then, else the uptime of that boot. What was decided when it was
// measured stays with the reading, so that sending it again is the same message and the server sees it once.
struct Stamp {
  int64_t unix_us = 0;  // 0: unknown
  uint64_t uptime_us = 0;
  uint32_t boot_id = 0;
  uint32_t sequence = 0;  // within the boot, from 0
};

struct Reading {
  Stamp stamp;
  Measured measured;
};

// Gives each reading its stamp.
class Stamper {
 public:
  // The boot's number is drawn by lot: a counter would need a write to flash, and a random number of 32 bits does.
  Stamper(Clock& clock, Entropy& entropy) : clock_(clock), boot_id_(entropy.next()) {}
  Stamp now();
  uint32_t boot_id() const { return boot_id_; }

 private:
  Clock& clock_;
  uint32_t boot_id_;
  uint32_t sequence_ = 0;
  int64_t latest_unix_us_ = 0;
};

constexpr uint16_t kPackedReading = 49;

// Little-endian, with a version in the first byte.
void pack(const Reading& reading, uint8_t bytes[kPackedReading]);

// False if the bytes are of another version (an update has changed the format): they cannot be sent.
bool unpack(const uint8_t* bytes, uint16_t length, Reading& reading);

// The reading as an item of the batch.
void write(JsonWriter& json, const char* device_id, const Reading& reading);

}  // namespace signalcraft
