// Sends one recorded clip from flash: raw signed 16-bit little-endian mono sound, with the time it began.
#pragma once

#include <cstdint>

#include "backoff.h"
#include "http.h"
#include "ports.h"

namespace signalcraft {

struct Clip {
  uint32_t offset = 0;  // in the flash
  uint32_t size = 0;    // bytes
  uint32_t sample_rate_hz = 16000;
  uint64_t began_us = 0;  // uptime
};

class ClipSender final : private Body {
 public:
  ClipSender(Flash& flash, HttpClient& http, Clock& clock, Backoff& backoff, const char* device_id)
      : flash_(flash), http_(http), clock_(clock), backoff_(backoff), device_id_(device_id) {}

  // The clip to send next. One that still waits is given up for it: a clip of now tells more than one of then.
  void offer(const Clip& clip);

  // Tries once, if it is time. The place in flash may be recorded over when `is_waiting` is false.
  void step();

  bool is_waiting() const { return clip_.size > 0; }
  uint32_t sent() const { return sent_; }

 private:
  uint32_t size() const override { return clip_.size; }
  bool read(uint32_t offset, void* data, uint32_t length) override {
    return flash_.read(clip_.offset + offset, data, length);
  }

  Flash& flash_;
  HttpClient& http_;
  Clock& clock_;
  Backoff& backoff_;
  const char* device_id_;
  Clip clip_;
  uint64_t next_us_ = 0;
  uint32_t sent_ = 0;
};

}  // namespace signalcraft
