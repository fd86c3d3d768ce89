#include "json_writer.h"

#include <cinttypes>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace signalcraft {

// A comma unless this is the first thing in its object or array, or the value of a key.
void JsonWriter::separate() {
  if (length_ == 0) return;
  const char last = buffer_[length_ - 1];
  if (last != '{' && last != '[' && last != ':') put(",", 1);
}

void JsonWriter::put(const char* text, size_t length) {
  if (!fits_ || length > capacity_ - length_) {
    fits_ = false;
    return;
  }
  std::memcpy(buffer_ + length_, text, length);
  length_ += length;
}

void JsonWriter::rewind(size_t length) {
  length_ = length;
  fits_ = true;
}

JsonWriter& JsonWriter::open(char bracket) {
  separate();
  put(&bracket, 1);
  return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
  put(&bracket, 1);
  return *this;
}

JsonWriter& JsonWriter::key(const char* name) {
  text(name);
  put(":", 1);
  return *this;
}

JsonWriter& JsonWriter::text(const char* value) {
  separate();
  put("\"", 1);
  for (; *value != '\0'; ++value) {
    const auto character = static_cast<unsigned char>(*value);
    if (character == '"' || character == '\\') {
      const char escaped[2] = {'\\', *value};
      put(escaped, 2);
    } else if (character < 0x20) {
      char escaped[7];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", character);
      put(escaped, 6);
    } else {
      put(value, 1);
    }
  }
  put("\"", 1);
  return *this;
}

JsonWriter& JsonWriter::formatted(const char* format, ...) {
  char text[40];
  va_list arguments;
  va_start(arguments, format);
  const int length = std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  separate();
  put(text, static_cast<size_t>(length));
  return *this;
}

JsonWriter& JsonWriter::number(float value) {
  if (!std::isfinite(value)) return formatted("null");
  return formatted("%.9g", static_cast<double>(value));  // nine digits bring a float back exactly
}

JsonWriter& JsonWriter::whole(uint64_t value) { return formatted("%" PRIu64, value); }

JsonWriter& JsonWriter::boolean(bool value) { return formatted(value ? "true" : "false"); }

JsonWriter& JsonWriter::seconds(int64_t microseconds) {
  return formatted("%" PRId64 ".%06" PRId64, microseconds / 1000000, microseconds % 1000000);
}

}  // namespace signalcraft
