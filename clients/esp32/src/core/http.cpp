#include "http.h"

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <strings.h>

namespace signalcraft {
namespace {

constexpr size_t kLongestLine = 512;
constexpr int kMostHeaders = 64;
constexpr uint32_t kLongestRetryAfterSeconds = 3600;

// The value of the header if the line holds it, else nullptr.
const char* value_of(const char* line, const char* name) {
  const size_t length = std::strlen(name);
  if (strncasecmp(line, name, length) != 0 || line[length] != ':') return nullptr;
  const char* value = line + length + 1;
  while (*value == ' ' || *value == '\t') ++value;
  return value;
}

// Digits to the end of the text; false for anything else (a date in Retry-After is one).
bool whole_number(const char* text, uint64_t& value) {
  if (*text < '0' || *text > '9') return false;
  char* end = nullptr;
  value = std::strtoull(text, &end, 10);
  return *end == '\0';
}

}  // namespace

bool MemoryBody::read(uint32_t offset, void* data, uint32_t length) {
  if (offset > size_ || length > size_ - offset) return false;
  std::memcpy(data, data_ + offset, length);
  return true;
}

bool TextSink::take(const uint8_t* data, size_t length) {
  const size_t room = capacity_ - 1 - length_;
  if (length > room) {
    complete_ = false;
    length = room;
  }
  std::memcpy(buffer_ + length_, data, length);
  length_ += length;
  return true;
}

const char* TextSink::text() {
  buffer_[length_] = '\0';
  return buffer_;
}

Answer HttpClient::exchange(const Request& request, Sink& sink) {
  Answer answer;
  at_ = filled_ = 0;
  if (!connection_.open(server_.host, server_.port)) return answer;
  // A server that refuses a long body may answer and close before it has read all of it.
  send(request);
  if (!receive(answer, sink)) answer.whole = false;
  connection_.close();
  return answer;
}

bool HttpClient::send(const Request& request) {
  char head[kLongestLine * 2];
  const uint32_t size = request.body == nullptr ? 0 : request.body->size();
  const int length = std::snprintf(
      head, sizeof head, "%s %s HTTP/1.1\r\nHost: %s:%u\r\nConnection: close\r\nContent-Length: %" PRIu32 "\r\n%s%s%s%s%s%s%s\r\n",
      request.method, request.path, server_.host, static_cast<unsigned>(server_.port), size,
      request.content_type != nullptr ? "Content-Type: " : "", request.content_type != nullptr ? request.content_type : "",
      request.content_type != nullptr ? "\r\n" : "", server_.key != nullptr ? "Authorization: Bearer " : "",
      server_.key != nullptr ? server_.key : "", server_.key != nullptr ? "\r\n" : "",
      request.extra_headers != nullptr ? request.extra_headers : "");
  if (length < 0 || static_cast<size_t>(length) >= sizeof head) return false;
  if (!connection_.write(head, static_cast<size_t>(length))) return false;
  uint8_t piece[512];
  for (uint32_t offset = 0; offset < size;) {
    const uint32_t part = size - offset < sizeof piece ? size - offset : static_cast<uint32_t>(sizeof piece);
    if (!request.body->read(offset, piece, part) || !connection_.write(piece, part)) return false;
    offset += part;
  }
  return true;
}

bool HttpClient::receive(Answer& answer, Sink& sink) {
  char line[kLongestLine];
  int status = 0;
  if (!read_line(line, sizeof line) || std::sscanf(line, "HTTP/1.%*1d %3d", &status) != 1) return false;
  uint64_t size = 0;
  bool has_size = false;
  bool chunked = false;
  for (int count = 0;; ++count) {
    if (count == kMostHeaders || !read_line(line, sizeof line)) return false;
    if (line[0] == '\0') break;
    if (const char* value = value_of(line, "Content-Length")) {
      has_size = whole_number(value, size);
      if (!has_size) return false;
    } else if (const char* coding = value_of(line, "Transfer-Encoding")) {
      chunked = strcasecmp(coding, "chunked") == 0;
    } else if (const char* wait = value_of(line, "Retry-After")) {
      uint64_t seconds = 0;
      if (!whole_number(wait, seconds)) continue;
      if (seconds > kLongestRetryAfterSeconds) seconds = kLongestRetryAfterSeconds;
      answer.retry_after_ms = static_cast<uint32_t>(seconds) * 1000;
    } else if (const char* range = value_of(line, "Content-Range")) {
      if (std::sscanf(range, "bytes %" SCNu32 "-", &answer.range_start) != 1) return false;
    }
  }
  answer.status = status;
  if (!sink.accept(answer)) return false;
  answer.whole = chunked ? pass_on_chunks(sink) : has_size ? pass_on(size, sink) : pass_on_rest(sink);
  return true;
}

// More bytes into the empty buffer.
bool HttpClient::fill() {
  const int count = connection_.read(buffer_, sizeof buffer_);
  at_ = 0;
  filled_ = count > 0 ? static_cast<size_t>(count) : 0;
  return filled_ > 0;
}

// A line without its end. One that is longer than the buffer is cut.
bool HttpClient::read_line(char* line, size_t capacity) {
  size_t length = 0;
  for (;;) {
    if (at_ == filled_ && !fill()) return false;
    const char character = static_cast<char>(buffer_[at_++]);
    if (character == '\n') break;
    if (length + 1 < capacity) line[length++] = character;
  }
  if (length > 0 && line[length - 1] == '\r') --length;
  line[length] = '\0';
  return true;
}

bool HttpClient::pass_on(uint64_t length, Sink& sink) {
  while (length > 0) {
    if (at_ == filled_ && !fill()) return false;
    const size_t there = filled_ - at_;
    const size_t part = length < there ? static_cast<size_t>(length) : there;
    if (!sink.take(buffer_ + at_, part)) return false;
    at_ += part;
    length -= part;
  }
  return true;
}

bool HttpClient::pass_on_chunks(Sink& sink) {
  char line[kLongestLine];
  for (;;) {
    if (!read_line(line, sizeof line)) return false;
    char* end = nullptr;
    const uint64_t length = std::strtoull(line, &end, 16);
    if (end == line) return false;
    if (length == 0) return read_line(line, sizeof line);
    if (!pass_on(length, sink) || !read_line(line, sizeof line)) return false;
  }
}

bool HttpClient::pass_on_rest(Sink& sink) {
  do {
    if (!sink.take(buffer_ + at_, filled_ - at_)) return false;
    at_ = filled_;
  } while (fill());
  return true;
}

}  // namespace signalcraft
