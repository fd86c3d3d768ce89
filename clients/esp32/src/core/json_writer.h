// JSON into a buffer of fixed size. What has no JSON form (nan, infinity) becomes null.
#pragma once

#include <cstddef>
#include <cstdint>

namespace signalcraft {

class JsonWriter {
 public:
  JsonWriter(char* buffer, size_t capacity) : buffer_(buffer), capacity_(capacity) {}

  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(const char* name);
  JsonWriter& text(const char* value);
  JsonWriter& number(float value);
  JsonWriter& whole(uint64_t value);
  JsonWriter& boolean(bool value);
  // Microseconds since 1970 as seconds, exact to the microsecond.
  JsonWriter& seconds(int64_t microseconds);

  // Whether all of it had room. If not, what is in the buffer is useless from `length` on.
  bool fits() const { return fits_; }
  size_t length() const { return length_; }
  // Back to an earlier length, to take out what did not fit.
  void rewind(size_t length);

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  void separate();
  void put(const char* text, size_t length);
  JsonWriter& formatted(const char* format, ...) __attribute__((format(printf, 2, 3)));

  char* buffer_;
  size_t capacity_;
  size_t length_ = 0;
  bool fits_ = true;
};

}  // namespace signalcraft
