#include "clip.h"

#include <cinttypes>
#include <cstdio>

#include "json_reader.h"

namespace signalcraft {

void ClipSender::offer(const Clip& clip) {
  clip_ = clip;
  next_us_ = 0;
}

void ClipSender::step() {
  if (!is_waiting() || clock_.uptime_us() < next_us_) return;
  char headers[256];
  int length = std::snprintf(headers, sizeof headers,
                             "X-Device-ID: %s\r\nX-Sample-Rate: %" PRIu32 "\r\nX-Bits-Per-Sample: 16\r\n", device_id_,
                             clip_.sample_rate_hz);
  const int64_t now_us = clock_.unix_us();
  if (now_us != 0) {  // else its arrival counts
    const int64_t began_us = now_us - static_cast<int64_t>(clock_.uptime_us() - clip_.began_us);
    length += std::snprintf(headers + length, sizeof headers - static_cast<size_t>(length),
                            "X-Measured-At: %" PRId64 ".%03" PRId64 "\r\n", began_us / 1000000, began_us / 1000 % 1000);
  }
  char heard[512];
  TextSink sink(heard, sizeof heard);
  const Answer answer = http_.exchange({"POST", "/api/esp32/audio/upload", "application/octet-stream", this, headers}, sink);
  const JsonValue document = answer.whole ? JsonValue::parse(sink.text()) : JsonValue();
  const bool is_taken = answer.status == 200 && document.member("success").is_true();
  const bool is_refused = answer.status == 400 || answer.status == 413 || answer.status == 415 || answer.status == 422;
  if (is_taken || (is_refused && document.present())) {
    sent_ += is_taken;
    backoff_.succeeded();
    clip_ = {};
    return;
  }
  next_us_ = clock_.uptime_us() + backoff_.failed(answer.retry_after_ms) * 1000ull;
}

}  // namespace signalcraft
