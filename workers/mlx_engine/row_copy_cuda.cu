// Copy one row's keys and values into a row of the batch's buffers, in place, and clear the columns before it.
//
// where: target row, first column, columns, source row, its first column. Blocks: (pieces of a row, KV heads, keys and
// values of each layer).
//
// Template: T, D (head width). D * sizeof(T) is a multiple of 16.

constexpr int WIDTH = 16 / sizeof(T);
constexpr int PIECES = D / WIDTH;

T* into = nullptr;
const T* of = nullptr;
POINTERS
const bool second = blockIdx.z % 2 == 1;
const Strides& into_strides = second ? to_values0_strides : to_keys0_strides;
const Strides& of_strides = second ? of_values0_strides : of_keys0_strides;
const int start = where[1], columns = where[2];
into += where[0] * into_strides[0] + blockIdx.y * into_strides[1];
of += where[3] * of_strides[0] + blockIdx.y * of_strides[1] + where[4] * of_strides[2];

for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < (start + columns) * PIECES; i += gridDim.x * blockDim.x) {
  const int column = i / PIECES, piece = i % PIECES;
  uint4 moved = make_uint4(0, 0, 0, 0);
  if (column >= start) {
    moved = *reinterpret_cast<const uint4*>(of + (column - start) * of_strides[2] + piece * WIDTH);
  }
  *reinterpret_cast<uint4*>(into + column * into_strides[2] + piece * WIDTH) = moved;
}
if (blockIdx.x + blockIdx.y + blockIdx.z + threadIdx.x == 0) {
  done[0] = 1;
}
