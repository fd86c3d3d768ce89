// Looks things up in a JSON text without copying it: a value is the stretch of text where it stands.
#pragma once

#include <cstddef>
#include <cstdint>

namespace signalcraft {

class JsonValue {
 public:
  JsonValue() = default;

  // The document in `text`; absent if it is not one whole, well-formed JSON value, nested 16 deep at most.
  static JsonValue parse(const char* text);

  bool present() const { return begin_ != nullptr; }
  bool is_true() const;

  // The member of an object, the first if the name is there twice; absent if there is none or this is no object.
  JsonValue member(const char* name) const;

  // The item of an array, from 0.
  JsonValue item(size_t index) const;

  // How many items an array has; 0 if it is no array.
  size_t size() const;

  // A whole number from 0 to 2^53; false if it is something else.
  bool whole(uint64_t& value) const;

  // Copies a text, unescaped (beyond ASCII only as it stands, not as \uXXXX), and ends it with a zero.
  // False if it is no text or has no room.
  bool text(char* buffer, size_t capacity) const;

 private:
  JsonValue(const char* begin, const char* end) : begin_(begin), end_(end) {}

  const char* begin_ = nullptr;
  const char* end_ = nullptr;
};

}  // namespace signalcraft
