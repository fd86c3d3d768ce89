#include "sha2.h"

#include <cstring>

namespace signalcraft {
namespace {

// The first 64 bits of the fractional parts of the cube roots of the first 80 primes; SHA-256 takes the upper
// halves of the first 64.
constexpr uint64_t kRound[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc, 0x3956c25bf348b538,
    0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118, 0xd807aa98a3030242, 0x12835b0145706fbe,
    0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2, 0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235,
    0xc19bf174cf692694, 0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5, 0x983e5152ee66dfab,
    0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4, 0xc6e00bf33da88fc2, 0xd5a79147930aa725,
    0x06ca6351e003826f, 0x142929670a0e6e70, 0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed,
    0x53380d139d95b3df, 0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30, 0xd192e819d6ef5218,
    0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8, 0x19a4c116b8d2d0c8, 0x1e376c085141ab53,
    0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8, 0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373,
    0x682e6ff3d6b2b8a3, 0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b, 0xca273eceea26619c,
    0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178, 0x06f067aa72176fba, 0x0a637dc5a2c898a6,
    0x113f9804bef90dae, 0x1b710b35131c471b, 0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc,
    0x431d67c49c100d4c, 0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
};

uint32_t rotated(uint32_t value, int bits) { return (value >> bits) | (value << (32 - bits)); }
uint64_t rotated(uint64_t value, int bits) { return (value >> bits) | (value << (64 - bits)); }

template <typename Word>
Word big_endian(const uint8_t* bytes) {
  Word value = 0;
  for (size_t i = 0; i < sizeof(Word); ++i) value = static_cast<Word>(value << 8) | bytes[i];
  return value;
}

template <typename Word>
void put_big_endian(Word value, uint8_t* bytes) {
  for (size_t i = sizeof(Word); i-- > 0; value >>= 8) bytes[i] = static_cast<uint8_t>(value);
}

// How far each of the four mixing functions turns: Σ0, Σ1 (three rotations), σ0, σ1 (two rotations and a shift).
struct Turns {
  int big0[3], big1[3], small0[3], small1[3];
};
constexpr Turns kTurns256 = {{2, 13, 22}, {6, 11, 25}, {7, 18, 3}, {17, 19, 10}};
constexpr Turns kTurns512 = {{28, 34, 39}, {14, 18, 41}, {1, 8, 7}, {19, 61, 6}};

template <typename Word>
Word big(Word x, const int turns[3]) {
  return rotated(x, turns[0]) ^ rotated(x, turns[1]) ^ rotated(x, turns[2]);
}

template <typename Word>
Word small(Word x, const int turns[3]) {
  return rotated(x, turns[0]) ^ rotated(x, turns[1]) ^ (x >> turns[2]);
}

// One block; the two hashes differ in the size of their words, the number of rounds and the turns.
template <typename Word, int kRounds>
void compress(Word state[8], const uint8_t* bytes, const Turns& turns) {
  Word w[16];
  for (int i = 0; i < 16; ++i) w[i] = big_endian<Word>(bytes + static_cast<size_t>(i) * sizeof(Word));
  Word s[8];
  std::memcpy(s, state, sizeof s);
  for (int round = 0; round < kRounds; ++round) {
    Word& word = w[round % 16];
    if (round >= 16) {
      word += small(w[(round + 1) % 16], turns.small0) + w[(round + 9) % 16] + small(w[(round + 14) % 16], turns.small1);
    }
    const auto constant = static_cast<Word>(kRound[round] >> (64 - 8 * sizeof(Word)));
    const Word choice = (s[4] & s[5]) ^ (~s[4] & s[6]);
    const Word majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
    const Word first = s[7] + big(s[4], turns.big1) + choice + constant + word;
    const Word second = big(s[0], turns.big0) + majority;
    std::memmove(s + 1, s, 7 * sizeof(Word));
    s[4] += first;
    s[0] = first + second;
  }
  for (int i = 0; i < 8; ++i) state[i] += s[i];
}

// Feeds whole blocks to `block`; what is left stays in `rest`.
template <size_t kBlock, typename Block>
void feed(uint8_t (&rest)[kBlock], uint64_t& total, const void* data, size_t length, Block block) {
  const auto* bytes = static_cast<const uint8_t*>(data);
  while (length > 0) {
    const size_t held = static_cast<size_t>(total % kBlock);
    const size_t part = length < kBlock - held ? length : kBlock - held;
    std::memcpy(rest + held, bytes, part);
    total += part;
    bytes += part;
    length -= part;
    if (total % kBlock == 0) block(rest);
  }
}

// A one bit, zeros, and the length in bits at the end of a block.
template <typename Hash, typename Word, size_t kBlock>
void pad_and_write(Hash& hash, uint64_t length, const Word (&state)[8], uint8_t* digest) {
  uint8_t padding[2 * kBlock] = {0x80};
  const size_t tail = 2 * sizeof(Word);
  const size_t zeros = (2 * kBlock - 1 - tail - static_cast<size_t>(length % kBlock)) % kBlock;
  put_big_endian<uint64_t>(length * 8, padding + 1 + zeros + tail - 8);
  hash.update(padding, 1 + zeros + tail);
  for (size_t i = 0; i < 8; ++i) put_big_endian(state[i], digest + i * sizeof(Word));
}

}  // namespace

void Sha256::block(const uint8_t* bytes) { compress<uint32_t, 64>(state_, bytes, kTurns256); }
void Sha512::block(const uint8_t* bytes) { compress<uint64_t, 80>(state_, bytes, kTurns512); }

void Sha256::update(const void* data, size_t length) {
  feed(rest_, length_, data, length, [this](const uint8_t* bytes) { block(bytes); });
}

void Sha512::update(const void* data, size_t length) {
  feed(rest_, length_, data, length, [this](const uint8_t* bytes) { block(bytes); });
}

void Sha256::finish(uint8_t digest[kSize]) { pad_and_write<Sha256, uint32_t, 64>(*this, length_, state_, digest); }
void Sha512::finish(uint8_t digest[kSize]) { pad_and_write<Sha512, uint64_t, 128>(*this, length_, state_, digest); }

}  // namespace signalcraft
