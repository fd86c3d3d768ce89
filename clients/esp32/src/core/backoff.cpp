#include "backoff.h"

namespace signalcraft {

uint32_t Backoff::failed(uint32_t retry_after_ms) {
  uint32_t span_ms = kLongestMs;
  if (failures_ < 9 && (kFirstMs << failures_) < kLongestMs) span_ms = kFirstMs << failures_;
  if (failures_ < 9) ++failures_;
  return retry_after_ms + jitter(span_ms);
}

uint32_t Backoff::jitter(uint32_t span_ms) {
  return static_cast<uint32_t>((static_cast<uint64_t>(entropy_.next()) * (span_ms + 1ull)) >> 32);
}

}  // namespace signalcraft
