// One token's attention for rows of uneven length, which also stores the token's own key and value.
//
// A block takes one row, one KV head (with up to 8 of the query heads that share it) and one split of the row's
// columns; its warps take tiles of 16 columns in turn. Scores are Q K^T and outputs V^T P^T on the tensor cores
// (m16n8k16), with fragments loaded straight from memory: which index of a fragment stands for which column or
// dimension is free, so each lane loads whole 8 or 16 byte pieces. Where a row has several splits, the block that
// finishes last adds them up.
//
// What comes before the line of dashes goes above the kernel's function, which MLX writes, the rest into it.
//
// Template: T (bfloat16 or float16), D (head width), G (query heads to a KV head), WARPS (of a block).

template <bool BF16>
__device__ __forceinline__ void multiply_add(
    float* c, unsigned a0, unsigned a1, unsigned a2, unsigned a3, unsigned b0, unsigned b1) {
  if constexpr (BF16) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
  } else {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
  }
}
template <bool BF16>
__device__ __forceinline__ unsigned pack(float low, float high) {
  unsigned packed;
  if constexpr (BF16) {
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  } else {
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  }
  return packed;
}

// ----

constexpr int TILE = 16;
constexpr int HEADS = 8;
constexpr int GROUPS = D / 32;
constexpr int HEAD_SETS = (G + HEADS - 1) / HEADS;
constexpr bool BF16 = cuda::std::is_same_v<T, __nv_bfloat16>;

__shared__ float shared_out[WARPS][HEADS][D];
__shared__ float shared_max[WARPS][HEADS];
__shared__ float shared_sum[WARPS][HEADS];
__shared__ bool is_last;

const int split = blockIdx.x, splits = gridDim.x;
const int row = blockIdx.z, rows = gridDim.z;
const int kv_head = blockIdx.y / HEAD_SETS, head_set = blockIdx.y % HEAD_SETS;
const int kv_heads = gridDim.y / HEAD_SETS;
const int first_head = kv_head * G + head_set * HEADS;
const int heads = min(HEADS, G - head_set * HEADS);
const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
const int quad = lane % 4, eighth = lane / 4;

const int start = padding[row], end = start + offsets[row] + 1;
const int step = WARPS * TILE;
const int chunk = ((end + splits - 1) / splits + step - 1) / step * step;
const int used = (end - start + chunk - 1) / chunk;
if (split >= used) {
  return;
}
const int from = start + split * chunk, to = min(from + chunk, end);

T* row_keys = const_cast<T*>(keys) + row * keys_strides[0] + kv_head * keys_strides[1];
T* row_values = const_cast<T*>(values) + row * values_strides[0] + kv_head * values_strides[1];
const int64_t key_stride = keys_strides[2], value_stride = values_strides[2];

if (split == used - 1) {
  const T* key = new_keys + row * new_keys_strides[0] + kv_head * new_keys_strides[1];
  const T* value = new_values + row * new_values_strides[0] + kv_head * new_values_strides[1];
  for (int d = threadIdx.x; d < D; d += WARPS * 32) {
    row_keys[(end - 1) * key_stride + d] = key[d * new_keys_strides[3]];
    row_values[(end - 1) * value_stride + d] = value[d * new_values_strides[3]];
  }
  __syncthreads();
}

uint4 query[GROUPS];
{
  const T* first_query = queries + row * queries_strides[0] + (first_head + eighth) * queries_strides[1];
  const int64_t stride = queries_strides[3];
#pragma unroll
  for (int g = 0; g < GROUPS; g++) {
    T piece[8];
#pragma unroll
    for (int i = 0; i < 8; i++) {
      piece[i] = eighth < heads ? first_query[(g * 32 + quad * 8 + i) * stride] : T(0.0f);
    }
    memcpy(&query[g], piece, 16);
  }
}

const float sharpness = scale[0] * 1.4426950408889634f;
float best = -INFINITY, sum = 0.0f;
float out_part[GROUPS * 2][4] = {};
uint4 key_part[2][GROUPS];
uint2 value_part[4][GROUPS];

auto load_keys = [&](int base) {
#pragma unroll
  for (int t = 0; t < 2; t++) {
    const T* column = row_keys + min(base + 8 * t + eighth, to - 1) * key_stride + quad * 8;
#pragma unroll
    for (int g = 0; g < GROUPS; g++) {
      key_part[t][g] = *reinterpret_cast<const uint4*>(column + g * 32);
    }
  }
};

int base = from + warp * TILE;
if (base < to) {
  load_keys(base);
}
for (; base < to; base += step) {
#pragma unroll
  for (int c = 0; c < 4; c++) {
    const int index = base + 2 * quad + (c & 1) + 8 * (c >> 1);
    const T* column = row_values + min(index, to - 1) * value_stride + eighth * 4;
#pragma unroll
    for (int g = 0; g < GROUPS; g++) {
      value_part[c][g] = *reinterpret_cast<const uint2*>(column + g * 32);
    }
  }
  float score[2][4] = {};
#pragma unroll
  for (int g = 0; g < GROUPS; g++) {
#pragma unroll
    for (int t = 0; t < 2; t++) {
      const uint4 k = key_part[t][g];
      multiply_add<BF16>(score[t], query[g].x, 0, query[g].y, 0, k.x, k.y);
      multiply_add<BF16>(score[t], query[g].z, 0, query[g].w, 0, k.z, k.w);
    }
  }
  if (base + step < to) {
    load_keys(base + step);
  }
  // This lane's scores: head `eighth`, columns base + 2 * quad and the next, and the same 8 further.
  float top = -INFINITY;
#pragma unroll
  for (int t = 0; t < 2; t++) {
#pragma unroll
    for (int i = 0; i < 2; i++) {
      const bool valid = base + 8 * t + 2 * quad + i < to;
      score[t][i] = valid ? score[t][i] * sharpness : -INFINITY;
      top = fmaxf(top, score[t][i]);
    }
  }
  top = fmaxf(top, __shfl_xor_sync(0xffffffff, top, 1));
  top = fmaxf(top, __shfl_xor_sync(0xffffffff, top, 2));
  top = fmaxf(top, best);
  const float fade = exp2f(best - top);
  best = top;
  float weight[2][2];
  sum *= fade;
#pragma unroll
  for (int t = 0; t < 2; t++) {
#pragma unroll
    for (int i = 0; i < 2; i++) {
      weight[t][i] = exp2f(score[t][i] - top);
      sum += weight[t][i];
    }
  }
  // The lane's outputs belong to the heads 2 * quad and the next.
  const float fade0 = __shfl_sync(0xffffffff, fade, 8 * quad);
  const float fade1 = __shfl_sync(0xffffffff, fade, 8 * quad + 4);
  const unsigned near = pack<BF16>(weight[0][0], weight[0][1]);
  const unsigned far = pack<BF16>(weight[1][0], weight[1][1]);
#pragma unroll
  for (int g = 0; g < GROUPS; g++) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float* part = out_part[g * 2 + half];
      part[0] *= fade0;
      part[1] *= fade1;
      part[2] *= fade0;
      part[3] *= fade1;
      const unsigned a = half ? value_part[0][g].y : value_part[0][g].x;
      const unsigned b = half ? value_part[1][g].y : value_part[1][g].x;
      const unsigned c = half ? value_part[2][g].y : value_part[2][g].x;
      const unsigned d = half ? value_part[3][g].y : value_part[3][g].x;
      multiply_add<BF16>(
          part,
          __byte_perm(a, b, 0x5410),
          __byte_perm(a, b, 0x7632),
          __byte_perm(c, d, 0x5410),
          __byte_perm(c, d, 0x7632),
          near,
          far);
    }
  }
}

sum += __shfl_xor_sync(0xffffffff, sum, 1);
sum += __shfl_xor_sync(0xffffffff, sum, 2);
if (quad == 0) {
  shared_max[warp][eighth] = best;
  shared_sum[warp][eighth] = sum;
}
#pragma unroll
for (int i = 0; i < GROUPS * 2; i++) {
  const int d = i / 2 * 32 + eighth * 4 + i % 2 * 2;
  *reinterpret_cast<float2*>(&shared_out[warp][2 * quad][d]) = make_float2(out_part[i][0], out_part[i][2]);
  *reinterpret_cast<float2*>(&shared_out[warp][2 * quad + 1][d]) = make_float2(out_part[i][1], out_part[i][3]);
}
__syncthreads();

// Per split: the outputs of HEADS heads, then their maxima, then their sums.
constexpr int PART = HEADS * (D + 2);
const int place = row * gridDim.y + blockIdx.y;
float* parts = partial + int64_t(place) * splits * PART;
T* row_out = out + (int64_t(row) * kv_heads * G + first_head) * D;
for (int i = threadIdx.x; i < heads * D; i += WARPS * 32) {
  const int h = i / D, d = i % D;
  float most = -INFINITY;
#pragma unroll
  for (int w = 0; w < WARPS; w++) {
    most = fmaxf(most, shared_max[w][h]);
  }
  float total = 0.0f, mixed = 0.0f;
#pragma unroll
  for (int w = 0; w < WARPS; w++) {
    const float share = exp2f(shared_max[w][h] - most);
    total += share * shared_sum[w][h];
    mixed += share * shared_out[w][h][d];
  }
  if (used == 1) {
    row_out[i] = T(mixed / total);
  } else {
    float* part = parts + split * PART;
    part[i] = mixed;
    if (d == 0) {
      part[HEADS * D + h] = most;
      part[HEADS * D + HEADS + h] = total;
    }
  }
}
if (used == 1) {
  return;
}
__threadfence();
__syncthreads();
if (threadIdx.x == 0) {
  int* finished = const_cast<int*>(counters) + place;
  is_last = atomicAdd(finished, 1) == used - 1;
  if (is_last) {
    *finished = 0;
  }
}
__syncthreads();
if (!is_last) {
  return;
}
__threadfence();
for (int i = threadIdx.x; i < heads * D; i += WARPS * 32) {
  const int h = i / D;
  float most = -INFINITY;
  for (int s = 0; s < used; s++) {
    most = fmaxf(most, __ldcg(parts + s * PART + HEADS * D + h));
  }
  float total = 0.0f, mixed = 0.0f;
  for (int s = 0; s < used; s++) {
    const float* part = parts + s * PART;
    const float share = exp2f(__ldcg(part + HEADS * D + h) - most);
    total += share * __ldcg(part + HEADS * D + HEADS + h);
    mixed += share * __ldcg(part + i);
  }
  row_out[i] = T(mixed / total);
}
