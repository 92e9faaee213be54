// Copy one row's keys and values into a row of the batch's buffers, in place, and clear the columns before it.
//
// where: target row, first column, columns, source row, its first column. Blocks: (pieces of a row, KV heads, 2).
//
// Template: T, D (head width). D * sizeof(T) is a multiple of 16.

constexpr int WIDTH = 16 / sizeof(T);
constexpr int PIECES = D / WIDTH;

const bool second = blockIdx.z == 1;
T* target = const_cast<T*>(second ? values : keys);
const T* source = second ? source_values : source_keys;
const Strides& target_strides = second ? values_strides : keys_strides;
const Strides& from_strides = second ? source_values_strides : source_keys_strides;
const int start = where[1], columns = where[2];
target += where[0] * target_strides[0] + blockIdx.y * target_strides[1];
source += where[3] * from_strides[0] + blockIdx.y * from_strides[1] + where[4] * from_strides[2];

for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < (start + columns) * PIECES; i += gridDim.x * blockDim.x) {
  const int column = i / PIECES, piece = i % PIECES;
  uint4 moved = make_uint4(0, 0, 0, 0);
  if (column >= start) {
    moved = *reinterpret_cast<const uint4*>(source + (column - start) * from_strides[2] + piece * WIDTH);
  }
  *reinterpret_cast<uint4*>(target + column * target_strides[2] + piece * WIDTH) = moved;
}
if (blockIdx.x + blockIdx.y + blockIdx.z + threadIdx.x == 0) {
  done[0] = 1;
}
