#include "ed25519.h"

#include <cstring>

#include "sha2.h"

namespace signalcraft {
namespace {

// A number below 2^256 in eight words, the lowest first.
struct Number {
  uint32_t word[8];
};

constexpr Number kPrime = {{0xffffffed, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x7fffffff}};
constexpr Number kPrimeLess2 = {{0xffffffeb, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x7fffffff}};
// (p - 5) / 8
constexpr Number kRootExponent = {{0xfffffffd, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x0fffffff}};
// The order of the group, 2^252 + 27742317777372353535851937790883648493
constexpr Number kOrder = {{0x5cf5d3ed, 0x5812631a, 0xa2f79cd6, 0x14def9de, 0, 0, 0, 0x10000000}};
// The curve's d, -121665 / 121666
constexpr Number kD = {{0x135978a3, 0x75eb4dca, 0x4141d8ab, 0x00700a4d, 0x7779e898, 0x8cc74079, 0x2b6ffe73, 0x52036cee}};
// A square root of -1
constexpr Number kRootOfMinus1 = {{0x4a0ea0b0, 0xc4ee1b27, 0xad2fe478, 0x2f431806, 0x3dfbd7a7, 0x2b4d0099, 0x4fc1df0b, 0x2b832480}};
constexpr Number kZero = {{0}};
constexpr Number kOne = {{1}};

Number from_bytes(const uint8_t* bytes) {
  Number number;
  for (int i = 0; i < 8; ++i) {
    number.word[i] = static_cast<uint32_t>(bytes[4 * i]) | static_cast<uint32_t>(bytes[4 * i + 1]) << 8 |
                     static_cast<uint32_t>(bytes[4 * i + 2]) << 16 | static_cast<uint32_t>(bytes[4 * i + 3]) << 24;
  }
  return number;
}

void to_bytes(const Number& number, uint8_t* bytes) {
  for (int i = 0; i < 32; ++i) bytes[i] = static_cast<uint8_t>(number.word[i / 4] >> (8 * (i % 4)));
}

bool bit(const Number& number, int index) { return (number.word[index / 32] >> (index % 32)) & 1; }

bool below(const Number& a, const Number& b) {
  for (int i = 7; i >= 0; --i) {
    if (a.word[i] != b.word[i]) return a.word[i] < b.word[i];
  }
  return false;
}

// a + b + extra; returns the carry.
uint32_t add_words(Number& sum, const Number& a, const Number& b, uint32_t extra = 0) {
  uint64_t carry = extra;
  for (int i = 0; i < 8; ++i) {
    carry += static_cast<uint64_t>(a.word[i]) + b.word[i];
    sum.word[i] = static_cast<uint32_t>(carry);
    carry >>= 32;
  }
  return static_cast<uint32_t>(carry);
}

// a - b; returns the borrow.
uint32_t subtract_words(Number& difference, const Number& a, const Number& b) {
  uint64_t borrow = 0;
  for (int i = 0; i < 8; ++i) {
    const uint64_t value = static_cast<uint64_t>(a.word[i]) - b.word[i] - borrow;
    difference.word[i] = static_cast<uint32_t>(value);
    borrow = value >> 63;
  }
  return static_cast<uint32_t>(borrow);
}

// Arithmetic modulo p. Numbers stay below 2^256, not below p: 2^256 is 38 modulo p, so a carry comes back as 38.

Number plus(const Number& a, const Number& b) {
  Number sum;
  uint32_t carry = add_words(sum, a, b);
  while (carry != 0) carry = add_words(sum, sum, kZero, 38 * carry);
  return sum;
}

Number minus(const Number& a, const Number& b) {
  Number difference;
  uint32_t borrow = subtract_words(difference, a, b);
  constexpr Number k38 = {{38}};
  while (borrow != 0) borrow = subtract_words(difference, difference, k38);
  return difference;
}

Number times(const Number& a, const Number& b) {
  uint32_t product[16] = {};
  for (int i = 0; i < 8; ++i) {
    uint64_t carry = 0;
    for (int j = 0; j < 8; ++j) {
      carry += product[i + j] + static_cast<uint64_t>(a.word[i]) * b.word[j];
      product[i + j] = static_cast<uint32_t>(carry);
      carry >>= 32;
    }
    product[i + 8] = static_cast<uint32_t>(carry);
  }
  Number folded;
  uint64_t carry = 0;
  for (int i = 0; i < 8; ++i) {
    carry += product[i] + static_cast<uint64_t>(product[i + 8]) * 38;
    folded.word[i] = static_cast<uint32_t>(carry);
    carry >>= 32;
  }
  while (carry != 0) carry = add_words(folded, folded, kZero, 38 * static_cast<uint32_t>(carry));
  return folded;
}

Number power(const Number& base, const Number& exponent) {
  Number result = kOne;
  for (int i = 255; i >= 0; --i) {
    result = times(result, result);
    if (bit(exponent, i)) result = times(result, base);
  }
  return result;
}

// The one below p.
Number reduced(Number number) {
  while (!below(number, kPrime)) subtract_words(number, number, kPrime);
  return number;
}

bool same(const Number& a, const Number& b) {
  const Number difference = reduced(minus(a, b));
  return std::memcmp(&difference, &kZero, sizeof difference) == 0;
}

// x = X/Z, y = Y/Z, xy = T/Z (RFC 8032, 5.1.4).
struct Point {
  Number x, y, z, t;
};

// Holds for any two points, equal ones too.
Point sum(const Point& p, const Point& q) {
  const Number a = times(minus(p.y, p.x), minus(q.y, q.x));
  const Number b = times(plus(p.y, p.x), plus(q.y, q.x));
  const Number tt = times(times(p.t, q.t), kD);
  const Number c = plus(tt, tt);
  const Number zz = times(p.z, q.z);
  const Number d = plus(zz, zz);
  const Number e = minus(b, a);
  const Number f = minus(d, c);
  const Number g = plus(d, c);
  const Number h = plus(b, a);
  return {times(e, f), times(g, h), times(f, g), times(e, h)};
}

Point negative(const Point& p) { return {minus(kZero, p.x), p.y, p.z, minus(kZero, p.t)}; }

// RFC 8032, 5.1.3
bool decode(const uint8_t bytes[32], Point& point) {
  Number y = from_bytes(bytes);
  const bool is_odd = bit(y, 255);
  y.word[7] &= 0x7fffffff;
  if (!below(y, kPrime)) return false;
  const Number yy = times(y, y);
  const Number u = minus(yy, kOne);
  const Number v = plus(times(kD, yy), kOne);
  const Number v3 = times(times(v, v), v);
  Number x = times(times(u, v3), power(times(u, times(times(v3, v3), v)), kRootExponent));
  const Number vxx = times(v, times(x, x));
  if (!same(vxx, u)) {
    if (!same(vxx, minus(kZero, u))) return false;
    x = times(x, kRootOfMinus1);
  }
  x = reduced(x);
  if (same(x, kZero) && is_odd) return false;
  if (bit(x, 0) != is_odd) x = minus(kZero, x);
  point = {x, y, kOne, times(x, y)};
  return true;
}

void encode(const Point& point, uint8_t bytes[32]) {
  const Number inverse = power(point.z, kPrimeLess2);
  const Number x = reduced(times(point.x, inverse));
  to_bytes(reduced(times(point.y, inverse)), bytes);
  if (bit(x, 0)) bytes[31] |= 0x80;
}

// [a]P + [b]Q
Point combined(const Number& a, const Point& p, const Number& b, const Point& q) {
  const Point both = sum(p, q);
  Point result = {kZero, kOne, kOne, kZero};
  for (int i = 255; i >= 0; --i) {
    result = sum(result, result);
    if (bit(a, i) && bit(b, i)) {
      result = sum(result, both);
    } else if (bit(a, i)) {
      result = sum(result, p);
    } else if (bit(b, i)) {
      result = sum(result, q);
    }
  }
  return result;
}

// 64 bytes as a number modulo the order, by long division.
Number modulo_order(const uint8_t bytes[64]) {
  Number rest = kZero;
  for (int i = 511; i >= 0; --i) {
    add_words(rest, rest, rest, (bytes[i / 8] >> (i % 8)) & 1u);
    if (!below(rest, kOrder)) subtract_words(rest, rest, kOrder);
  }
  return rest;
}

}  // namespace

bool ed25519_verify(const uint8_t key[kEd25519Key], const void* message, size_t length,
                    const uint8_t signature[kEd25519Signature]) {
  uint8_t base_bytes[32];
  std::memset(base_bytes, 0x66, sizeof base_bytes);  // y = 4/5
  base_bytes[0] = 0x58;
  Point base;
  Point public_key;
  const Number s = from_bytes(signature + 32);
  if (!below(s, kOrder) || !decode(key, public_key) || !decode(base_bytes, base)) return false;
  Sha512 hash;
  hash.update(signature, 32);
  hash.update(key, 32);
  hash.update(message, length);
  uint8_t digest[Sha512::kSize];
  hash.finish(digest);
  uint8_t expected[32];
  encode(combined(s, base, modulo_order(digest), negative(public_key)), expected);
  return std::memcmp(expected, signature, 32) == 0;
}

}  // namespace signalcraft
