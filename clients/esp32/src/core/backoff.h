// How long to wait after a failure: exponential, spread over the whole span ("full jitter"), so that a shop's
// nodes do not come back all at once; never shorter than the server's Retry-After.
#pragma once

#include <cstdint>

#include "ports.h"

namespace signalcraft {

class Backoff {
 public:
  static constexpr uint32_t kFirstMs = 1000;
  static constexpr uint32_t kLongestMs = 300000;

  explicit Backoff(Entropy& entropy) : entropy_(entropy) {}

  // Milliseconds to wait after one more failure. `retry_after_ms`: what the server asked for, 0 if nothing.
  uint32_t failed(uint32_t retry_after_ms);
  void succeeded() { failures_ = 0; }

  // A moment between 0 and `span_ms`, by lot.
  uint32_t jitter(uint32_t span_ms);

 private:
  Entropy& entropy_;
  uint32_t failures_ = 0;
};

}  // namespace signalcraft
