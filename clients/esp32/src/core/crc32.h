#pragma once

#include <cstddef>
#include <cstdint>

namespace signalcraft {

// CRC-32 (IEEE 802.3, the one of zlib). `before` continues an earlier call.
uint32_t crc32(const void* data, size_t length, uint32_t before = 0);

}  // namespace signalcraft
