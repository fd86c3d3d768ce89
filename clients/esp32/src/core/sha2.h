// SHA-256 and SHA-512 (FIPS 180-4).
#pragma once

#include <cstddef>
#include <cstdint>

namespace signalcraft {

class Sha256 {
 public:
  static constexpr size_t kSize = 32;
  void update(const void* data, size_t length);
  // The digest of all that came; the object is used up.
  void finish(uint8_t digest[kSize]);

 private:
  void block(const uint8_t* bytes);

  uint32_t state_[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  uint8_t rest_[64];
  uint64_t length_ = 0;
};

class Sha512 {
 public:
  static constexpr size_t kSize = 64;
  void update(const void* data, size_t length);
  void finish(uint8_t digest[kSize]);

 private:
  void block(const uint8_t* bytes);

  uint64_t state_[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
                        0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
  uint8_t rest_[128];
  uint64_t length_ = 0;
};

}  // namespace signalcraft
