//! The matrix microkernel: `C = start + A·B` for a few rows of `A` and one packed panel of `B`.
//!
//! `A` is read one value at a time and spread over a register, `B` is packed `[k][N·LANES]`, and the
//! tile of `C` stays in registers over the whole of `k`. Rows per tile follow from the registers there
//! are: 14 × 2 registers on AVX-512, 6 × 2 on AVX2. Everything that is fast here ends up in this loop.

use super::simd::Simd;

/// What a tile holds before the products are added.
#[derive(Clone, Copy)]
pub(super) enum Start {
    Zero,
    /// What `C` already holds.
    Sum,
    /// A row that is the same for all rows of `C`, plus a matrix shaped like `C`; null for none.
    Given {
        bias: *const f32,
        residual: *const f32,
        residual_stride: usize,
    },
}

impl Start {
    /// The same for rows from `rows` on.
    #[inline(always)]
    pub(super) fn below(mut self, rows: usize) -> Self {
        if let Self::Given {
            residual,
            residual_stride,
            ..
        } = &mut self
            && !residual.is_null()
        {
            *residual = residual.wrapping_add(rows * *residual_stride);
        }
        self
    }
}

/// One product; strides are counted in values.
#[derive(Clone, Copy)]
pub(super) struct Product {
    pub rows: usize,
    /// Columns of `C` that exist, at most `N·LANES`.
    pub columns: usize,
    pub k: usize,
    pub a: *const f32,
    pub a_stride: usize,
    /// From one column of `A` to the next.
    pub a_step: usize,
    /// Packed panel, `[k][N·LANES]`.
    pub b: *const f32,
    pub c: *mut f32,
    pub c_stride: usize,
    pub start: Start,
}

/// Steps of `k` by which the panel is fetched early: the first tile meets it cold.
const AHEAD: usize = 16;
/// Rows of `A` that lie one behind the other and are this short: those of the next tile are fetched
/// meanwhile. Longer ones would push the present tile out of the first-level cache.
const SHORT: usize = 320;
/// Values of a cache line.
const LINE: usize = 16;

/// Rows of a tile that is `vectors` registers wide, so that all its sums stay in registers.
pub(super) const fn tile_rows(registers: usize, vectors: usize) -> usize {
    let rows = (registers - vectors - 1) / vectors;
    if rows > 14 { 14 } else { rows }
}

/// # Safety
/// All rows, columns and `k` values that `product` names can be read (`a`, `b`, `start`) and written (`c`).
#[inline(always)]
pub(super) unsafe fn multiply<S: Simd, const N: usize>(simd: S, product: Product) {
    let most = const { tile_rows(S::REGISTERS, N) };
    // Even shares: a last tile of one or two rows would leave most of the processor idle.
    let tiles = product.rows.div_ceil(most).max(1);
    let (least, larger) = (product.rows / tiles, product.rows % tiles);
    let mut done = 0;
    while done < product.rows {
        let rows = least + usize::from(done < larger * (least + 1));
        let mut part = product;
        part.a = product.a.wrapping_add(done * product.a_stride);
        part.c = product.c.wrapping_add(done * product.c_stride);
        part.start = part.start.below(done);
        // SAFETY: a part of what the caller promises.
        unsafe { tile_of::<S, N>(simd, rows, part) };
        done += rows;
    }
}

#[inline(always)]
unsafe fn tile_of<S: Simd, const N: usize>(simd: S, rows: usize, product: Product) {
    macro_rules! choose {
        ($($count:literal)*) => {
            match rows {
                $($count => {
                    if const { $count <= tile_rows(S::REGISTERS, N) } {
                        // SAFETY: the caller's promise, unchanged.
                        unsafe { tile::<S, $count, N>(simd, product) }
                    }
                })*
                _ => unreachable!("tiles have at most 14 rows"),
            }
        };
    }
    choose!(1 2 3 4 5 6 7 8 9 10 11 12 13 14)
}

#[inline(always)]
unsafe fn tile<S: Simd, const M: usize, const N: usize>(simd: S, product: Product) {
    let Product {
        columns,
        k,
        a,
        a_stride,
        a_step,
        b,
        c,
        c_stride,
        start,
        ..
    } = product;
    let width = S::LANES;
    // SAFETY: rows are below M, columns below `columns`, steps below k: the caller promises all of them.
    unsafe {
        let mut sums = begin::<S, M, N>(simd, start, c, c_stride, columns);
        let (mut row, mut column) = (b, a);
        let fetch = k <= SHORT && (a_stride, a_step) == (k, 1);
        let mut next = a.wrapping_add(M * a_stride);
        // One step at a time: the compiler would read ahead for several, and spill sums to do so.
        for _ in 0..k {
            if fetch {
                simd.prefetch(next);
                next = next.wrapping_add(LINE);
            }
            for line in (0..N * width).step_by(LINE) {
                simd.prefetch(row.wrapping_add(AHEAD * N * width + line));
            }
            add_products(simd, &mut sums, column, a_stride, row);
            (row, column) = (row.add(N * width), column.wrapping_add(a_step));
        }
        for (i, sums) in sums.iter().enumerate() {
            for (j, &sum) in sums.iter().enumerate() {
                write(simd, c.add(i * c_stride + j * width), sum, columns, j);
            }
        }
    }
}

/// One step of `k`: a column of `A` times a row of the panel.
#[inline(always)]
unsafe fn add_products<S: Simd, const M: usize, const N: usize>(
    simd: S,
    sums: &mut [[S::V; N]; M],
    column: *const f32,
    a_stride: usize,
    row: *const f32,
) {
    let mut panel = [simd.splat(0.0); N];
    for (j, vector) in panel.iter_mut().enumerate() {
        // SAFETY: the caller promises N registers of the panel.
        *vector = unsafe { simd.load(row.add(j * S::LANES)) };
    }
    for (i, sums) in sums.iter_mut().enumerate() {
        // SAFETY: the caller promises M rows of `A`.
        let value = simd.splat(unsafe { *column.add(i * a_stride) });
        for (sum, &vector) in sums.iter_mut().zip(&panel) {
            *sum = simd.mul_add(value, vector, *sum);
        }
    }
}

#[inline(always)]
unsafe fn begin<S: Simd, const M: usize, const N: usize>(
    simd: S,
    start: Start,
    c: *const f32,
    c_stride: usize,
    columns: usize,
) -> [[S::V; N]; M] {
    let mut sums = [[simd.splat(0.0); N]; M];
    // SAFETY: the caller of `tile` promises bias, residual and C for these rows and columns.
    unsafe {
        match start {
            Start::Zero => {}
            Start::Sum => add_matrix(simd, &mut sums, c, c_stride, columns),
            Start::Given {
                bias,
                residual,
                residual_stride,
            } => {
                if !bias.is_null() {
                    add_matrix(simd, &mut sums, bias, 0, columns);
                }
                if !residual.is_null() {
                    add_matrix(simd, &mut sums, residual, residual_stride, columns);
                }
            }
        }
    }
    sums
}

#[inline(always)]
unsafe fn add_matrix<S: Simd, const M: usize, const N: usize>(
    simd: S,
    sums: &mut [[S::V; N]; M],
    from: *const f32,
    stride: usize,
    columns: usize,
) {
    for (i, sums) in sums.iter_mut().enumerate() {
        for (j, sum) in sums.iter_mut().enumerate() {
            // SAFETY: the caller promises `columns` values in each of M rows.
            *sum = simd.add(*sum, unsafe {
                read(
                    simd,
                    from.wrapping_add(i * stride + j * S::LANES),
                    columns,
                    j,
                )
            });
        }
    }
}

/// The `j`-th register of a row that has `columns` values; `from` points at its first lane.
#[inline(always)]
pub(super) unsafe fn read<S: Simd>(simd: S, from: *const f32, columns: usize, j: usize) -> S::V {
    let left = columns.saturating_sub(j * S::LANES);
    // SAFETY: `left` values exist from here on.
    unsafe {
        if left >= S::LANES {
            simd.load(from)
        } else {
            simd.load_first(from, left)
        }
    }
}

/// Writes the `j`-th register of a row that has `columns` values.
#[inline(always)]
pub(super) unsafe fn write<S: Simd>(simd: S, to: *mut f32, v: S::V, columns: usize, j: usize) {
    let left = columns.saturating_sub(j * S::LANES);
    // SAFETY: `left` values exist from here on.
    unsafe {
        if left >= S::LANES {
            simd.store(to, v);
        } else {
            simd.store_first(to, v, left);
        }
    }
}
