#include "uploader.h"

#include "json_writer.h"
#include "reading.h"

namespace signalcraft {
namespace {

constexpr char kPath[] = "/api/iot/sensors/data/batch";

bool is_about_the_message(int status) { return status == 400 || status == 413 || status == 415 || status == 422; }

}  // namespace

Uploader::Uploader(Journal& journal, HttpClient& http, Clock& clock, Backoff& backoff, const Settings& settings,
                   char* buffer, size_t capacity)
    : journal_(journal),
      http_(http),
      clock_(clock),
      backoff_(backoff),
      settings_(settings),
      buffer_(buffer),
      capacity_(capacity),
      limit_(settings.most_readings) {}

void Uploader::start() { wait(backoff_.jitter(settings_.interval_ms)); }

void Uploader::step() {
  if (clock_.uptime_us() < next_us_ || journal_.pending() == 0) return;
  Journal::Position end;
  size_t length = 0;
  const uint32_t count = encode(end, length);
  if (count == 0) {  // records of another version only
    journal_.acknowledge(end);
    return;
  }
  MemoryBody body(buffer_, static_cast<uint32_t>(length));
  // The answer overwrites the batch: it begins when the batch has been sent, and the batch is encoded anew if need be.
  TextSink sink(buffer_, capacity_);
  const Answer answer = http_.exchange({"POST", kPath, "application/json", &body, nullptr}, sink);
  ++counts_.batches;
  judge(answer, answer.whole && sink.complete() ? JsonValue::parse(sink.text()) : JsonValue(), count, end);
}

// The oldest readings that have room, as a JSON array. Returns how many; `end` is the place after them.
uint32_t Uploader::encode(Journal::Position& end, size_t& length) {
  JsonWriter json(buffer_, capacity_);
  uint8_t record[Journal::kLongestRecord];
  uint32_t count = 0;
  Journal::Position next = journal_.first();
  end = next;
  json.begin_array();
  while (count < limit_) {
    const uint16_t size = journal_.read(next, record);
    if (size == 0) break;
    Reading reading;
    if (unpack(record, size, reading)) {
      const size_t before = json.length();
      write(json, settings_.device_id, reading);
      if (!json.fits() || capacity_ - json.length() < 2) {  // the closing bracket
        json.rewind(before);
        break;
      }
      ++count;
    }
    end = next;
  }
  json.end_array();
  length = json.length();
  return count;
}

void Uploader::judge(const Answer& answer, const JsonValue& document, uint32_t count, const Journal::Position& end) {
  const JsonValue success = document.member("success");
  uint64_t stored = 0;
  uint64_t duplicates = 0;
  if (answer.status == 200 && success.is_true() && document.member("stored").whole(stored) &&
      document.member("duplicates").whole(duplicates) && stored + duplicates <= count) {
    finish(count, count - static_cast<uint32_t>(stored + duplicates), end);
    if (limit_ < settings_.most_readings) limit_ *= 2;
    if (limit_ > settings_.most_readings) limit_ = settings_.most_readings;
    return;
  }
  if (is_about_the_message(answer.status) && success.present() && !success.is_true()) {
    if (count == 1) {
      finish(1, 1, end);
    } else {
      limit_ = count / 2;  // what is wrong with one must not hold up the others
      wait(0);
    }
    return;
  }
  ++counts_.failures;
  wait(backoff_.failed(answer.retry_after_ms));
}

void Uploader::finish(uint32_t count, uint32_t refused, const Journal::Position& end) {
  journal_.acknowledge(end);
  backoff_.succeeded();
  counts_.acknowledged += count;
  counts_.refused += refused;
  // What piled up while the server was away goes out batch after batch.
  wait(journal_.pending() >= settings_.most_readings ? 0 : settings_.interval_ms);
}

void Uploader::wait(uint32_t milliseconds) { next_us_ = clock_.uptime_us() + milliseconds * 1000ull; }

}  // namespace signalcraft
