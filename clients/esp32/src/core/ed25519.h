// Checking Ed25519 signatures (RFC 8032, 5.1.7). Only public values go in, so the time it takes may tell what it likes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace signalcraft {

constexpr size_t kEd25519Key = 32;
constexpr size_t kEd25519Signature = 64;

// Whether `signature` is the signature of `message` under the public key. False also for what is no key or no
// canonical signature (S at or above the order of the group).
bool ed25519_verify(const uint8_t key[kEd25519Key], const void* message, size_t length,
                    const uint8_t signature[kEd25519Signature]);

}  // namespace signalcraft
