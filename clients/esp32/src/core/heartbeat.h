// Tells the server from time to time how the node is, and asks what it is to do.
#pragma once

#include <cstdint>

#include "backoff.h"
#include "commands.h"
#include "http.h"
#include "ports.h"

namespace signalcraft {

struct Health {
  int rssi_dbm;
  uint32_t free_heap_bytes;
};

class Heartbeat {
 public:
  static constexpr uint32_t kIntervalMs = 60000;

  struct About {
    const char* device_id;
    const char* firmware_version;
    const char* hardware_version;
    uint32_t boot_id;
  };

  Heartbeat(HttpClient& http, Clock& clock, Backoff& backoff, Commands& commands, const About& about)
      : http_(http), clock_(clock), backoff_(backoff), commands_(commands), about_(about) {}

  // Once, if it is time: the first time at once, for a command may have waited while the node was off.
  void step(const Health& health);

  // Whether this boot has reached the server.
  bool was_heard() const { return was_heard_; }

 private:
  HttpClient& http_;
  Clock& clock_;
  Backoff& backoff_;
  Commands& commands_;
  About about_;
  uint64_t next_us_ = 0;
  bool was_heard_ = false;
};

}  // namespace signalcraft
