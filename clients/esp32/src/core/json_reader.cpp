#include "json_reader.h"

#include <cstring>

namespace signalcraft {
namespace {

constexpr int kDeepest = 16;

const char* skip_space(const char* at) {
  while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r') ++at;
  return at;
}

// Each skip_… returns where the thing ends, nullptr if it is malformed. The zero at the end of the text stops all of them.
const char* skip_text(const char* at) {
  if (*at != '"') return nullptr;
  for (++at; *at != '"'; ++at) {
    if (static_cast<unsigned char>(*at) < 0x20) return nullptr;
    if (*at == '\\' && *++at == '\0') return nullptr;
  }
  return at + 1;
}

const char* skip_digits(const char* at) {
  if (*at < '0' || *at > '9') return nullptr;
  while (*at >= '0' && *at <= '9') ++at;
  return at;
}

const char* skip_number(const char* at) {
  if (*at == '-') ++at;
  at = skip_digits(at);
  if (at != nullptr && *at == '.') at = skip_digits(at + 1);
  if (at != nullptr && (*at == 'e' || *at == 'E')) {
    ++at;
    if (*at == '+' || *at == '-') ++at;
    at = skip_digits(at);
  }
  return at;
}

const char* skip_word(const char* at, const char* word) {
  const size_t length = std::strlen(word);
  return std::strncmp(at, word, length) == 0 ? at + length : nullptr;
}

const char* skip_value(const char* at, int depth);

// An object or an array, from its bracket.
const char* skip_members(const char* at, int depth) {
  const bool is_object = *at == '{';
  const char last = is_object ? '}' : ']';
  at = skip_space(at + 1);
  if (*at == last) return at + 1;
  for (;;) {
    if (is_object) {
      at = skip_text(at);
      if (at == nullptr) return nullptr;
      at = skip_space(at);
      if (*at++ != ':') return nullptr;
      at = skip_space(at);
    }
    at = skip_value(at, depth - 1);
    if (at == nullptr) return nullptr;
    at = skip_space(at);
    if (*at == last) return at + 1;
    if (*at++ != ',') return nullptr;
    at = skip_space(at);
  }
}

const char* skip_value(const char* at, int depth) {
  if (depth == 0) return nullptr;
  switch (*at) {
    case '{':
    case '[':
      return skip_members(at, depth);
    case '"':
      return skip_text(at);
    case 't':
      return skip_word(at, "true");
    case 'f':
      return skip_word(at, "false");
    case 'n':
      return skip_word(at, "null");
    default:
      return skip_number(at);
  }
}

}  // namespace

JsonValue JsonValue::parse(const char* text) {
  const char* begin = skip_space(text);
  const char* end = skip_value(begin, kDeepest);
  if (end == nullptr || *skip_space(end) != '\0') return {};
  return {begin, end};
}

bool JsonValue::is_true() const { return present() && end_ - begin_ == 4 && std::strncmp(begin_, "true", 4) == 0; }

// From here on the text is known to be well-formed.
JsonValue JsonValue::member(const char* name) const {
  if (!present() || *begin_ != '{') return {};
  const size_t length = std::strlen(name);
  const char* at = skip_space(begin_ + 1);
  while (*at == '"') {
    const char* end = skip_text(at);
    const bool wanted = static_cast<size_t>(end - at) == length + 2 && std::strncmp(at + 1, name, length) == 0;
    const char* value = skip_space(skip_space(end) + 1);
    const char* after = skip_value(value, kDeepest);
    if (wanted) return {value, after};
    at = skip_space(after);
    if (*at == ',') at = skip_space(at + 1);
  }
  return {};
}

JsonValue JsonValue::item(size_t index) const {
  if (!present() || *begin_ != '[') return {};
  const char* at = skip_space(begin_ + 1);
  while (*at != ']') {
    const char* after = skip_value(at, kDeepest);
    if (index-- == 0) return {at, after};
    at = skip_space(after);
    if (*at == ',') at = skip_space(at + 1);
  }
  return {};
}

size_t JsonValue::size() const {
  size_t count = 0;
  while (item(count).present()) ++count;
  return count;
}

bool JsonValue::whole(uint64_t& value) const {
  constexpr uint64_t kLargest = 1ull << 53;
  if (!present()) return false;
  value = 0;
  for (const char* at = begin_; at != end_; ++at) {
    if (*at < '0' || *at > '9') return false;
    value = value * 10 + static_cast<uint64_t>(*at - '0');
    if (value > kLargest) return false;
  }
  return true;
}

bool JsonValue::text(char* buffer, size_t capacity) const {
  if (!present() || *begin_ != '"') return false;
  size_t length = 0;
  for (const char* at = begin_ + 1; at != end_ - 1; ++at) {
    char character = *at;
    if (character == '\\') {
      character = *++at;
      if (character == 'n') character = '\n';
      else if (character == 't') character = '\t';
      else if (character == 'r') character = '\r';
      else if (character == 'b') character = '\b';
      else if (character == 'f') character = '\f';
      else if (character == 'u') return false;
    }
    if (length + 1 >= capacity) return false;
    buffer[length++] = character;
  }
  buffer[length] = '\0';
  return true;
}

}  // namespace signalcraft
