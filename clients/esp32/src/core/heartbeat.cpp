#include "heartbeat.h"

#include "json_writer.h"

namespace signalcraft {

void Heartbeat::step(const Health& health) {
  if (clock_.uptime_us() < next_us_) return;
  char text[400];
  JsonWriter json(text, sizeof text);
  json.begin_object().key("device_id").text(about_.device_id).key("boot_id").whole(about_.boot_id);
  json.key("uptime_ms").whole(clock_.uptime_us() / 1000).key("rssi_dbm").number(static_cast<float>(health.rssi_dbm));
  json.key("free_heap_bytes").whole(health.free_heap_bytes);
  json.key("firmware_version").text(about_.firmware_version);
  json.key("hardware_version").text(about_.hardware_version).end_object();
  MemoryBody body(text, static_cast<uint32_t>(json.length()));
  char heard[4096];  // commands are less than 1 KiB each
  TextSink sink(heard, sizeof heard);
  const Answer answer = http_.exchange({"POST", "/api/esp32/heartbeat", "application/json", &body, nullptr}, sink);
  const JsonValue document = answer.whole && sink.complete() ? JsonValue::parse(sink.text()) : JsonValue();
  const bool is_heard = answer.status == 200 && document.member("success").is_true();
  was_heard_ |= is_heard;
  if (is_heard) backoff_.succeeded();
  const uint32_t wait_ms = is_heard ? kIntervalMs : backoff_.failed(answer.retry_after_ms);
  next_us_ = clock_.uptime_us() + wait_ms * 1000ull;
  if (is_heard) commands_.receive(document);
}

}  // namespace signalcraft
