//! The few vector operations that every kernel is written in, once for all instruction sets.
//!
//! A [`Simd`] value is a token: it exists only where its instructions do, so its arithmetic is safe
//! to call. Kernels are structs that implement [`Kernel`]; [`Level::run`](super::level::Level::run)
//! enters a function compiled for the instruction set and everything below is inlined into it.
//! The trap: a helper that is not `#[inline(always)]` is compiled without those instructions, and so
//! is every closure: loops over registers are plain `for` loops.

#[cfg(target_arch = "x86_64")]
pub(super) mod amx;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;
#[cfg(target_arch = "aarch64")]
pub(super) mod neon;
pub(super) mod portable;

/// Work that is compiled once per instruction set.
pub(super) trait Kernel {
    /// What the work returns.
    type Output;
    /// Whether it multiplies matrices by [`tiles`](super::tiles) where there are some.
    const MULTIPLIES: bool = false;

    /// Does the work; must be `#[inline(always)]`.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// Two by two tiles of sums, and what is multiplied for them; strides are counted in values.
#[derive(Clone, Copy)]
pub(super) struct TileProduct {
    /// At least one.
    pub steps: usize,
    /// Two tiles (high, low) of each step, twice, `a_stride` apart.
    pub a: *const f32,
    pub a_stride: usize,
    /// Two by two tiles (high, low) of each step.
    pub b: *const f32,
    /// 32 rows of 32 values.
    pub c: *mut f32,
    pub c_stride: usize,
    /// Whether the product is added to what `c` holds.
    pub sum: bool,
}

/// Vectors of `LANES` f32 values.
pub(super) trait Simd: Copy + Send + Sync {
    /// One register.
    type V: Copy;
    /// Values per register; at most 16.
    const LANES: usize;
    /// Registers there are.
    const REGISTERS: usize;
    /// Width of a packed panel: two registers.
    const PANEL: usize = 2 * Self::LANES;
    /// Whether a unit multiplies [`tiles`](super::tiles).
    const TILES: bool = false;

    fn splat(self, value: f32) -> Self::V;

    /// # Safety
    /// `LANES` values can be read at `from`.
    unsafe fn load(self, from: *const f32) -> Self::V;

    /// # Safety
    /// `LANES` values can be written at `to`.
    unsafe fn store(self, to: *mut f32, v: Self::V);

    /// Asks for the cache line at `from`, which need not be readable.
    #[inline(always)]
    fn prefetch(self, _from: *const f32) {}

    /// The first `count` values, zeros behind them.
    ///
    /// # Safety
    /// `count < LANES` values can be read at `from`.
    #[inline(always)]
    unsafe fn load_first(self, from: *const f32, count: usize) -> Self::V {
        let mut lanes = [0.0; 16];
        // SAFETY: the caller promises `count` values; the buffer holds 16 ≥ LANES.
        unsafe {
            std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), count);
            self.load(lanes.as_ptr())
        }
    }

    /// Writes the first `count` values.
    ///
    /// # Safety
    /// `count < LANES` values can be written at `to`.
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, v: Self::V, count: usize) {
        let mut lanes = [0.0; 16];
        // SAFETY: the buffer holds 16 ≥ LANES; the caller promises room for `count` values.
        unsafe {
            self.store(lanes.as_mut_ptr(), v);
            std::ptr::copy_nonoverlapping(lanes.as_ptr(), to, count);
        }
    }

    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a·b + c`
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `c − a·b`
    fn neg_mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The larger of each pair; `b` where either is not a number.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// The smaller of each pair; `b` where either is not a number.
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    fn abs(self, a: Self::V) -> Self::V;
    /// `negative` where `sign < 0`, else `other`.
    fn where_negative(self, sign: Self::V, negative: Self::V, other: Self::V) -> Self::V;
    /// To the nearest whole number.
    fn round(self, a: Self::V) -> Self::V;
    /// `a` less its nearest whole number.
    #[inline(always)]
    fn beyond_whole(self, a: Self::V) -> Self::V {
        self.sub(a, self.round(a))
    }
    /// `a`, at most the largest exponent that [`scale`](Self::scale) takes.
    #[inline(always)]
    fn below_overflow(self, a: Self::V) -> Self::V {
        self.min(self.splat(127.0), a)
    }
    /// `v · 2ⁿ` for whole `n` in −126…127.
    fn scale(self, v: Self::V, n: Self::V) -> Self::V;
    /// Sum of all lanes.
    fn sum(self, v: Self::V) -> f32;
    /// Largest lane.
    fn largest(self, v: Self::V) -> f32;

    /// Two registers as pairs of bf16, lane by lane: the nearest ones, and the nearest to the rest.
    fn split(self, _first: Self::V, _second: Self::V) -> [Self::V; 2] {
        unreachable!("there are no tiles")
    }

    /// Multiplies two by two tiles, within a kernel that [multiplies](Kernel::MULTIPLIES).
    ///
    /// # Safety
    /// All tiles can be read, those of `c` written too.
    unsafe fn multiply_tiles(self, _product: TileProduct) {
        unreachable!("there are no tiles")
    }

    /// Writes the transpose of a `LANES × LANES` block.
    ///
    /// # Safety
    /// `LANES` rows of `LANES` values, `from_stride` and `to_stride` apart, can be read and written.
    #[inline(always)]
    unsafe fn transpose(
        self,
        from: *const f32,
        from_stride: usize,
        to: *mut f32,
        to_stride: usize,
    ) {
        for row in 0..Self::LANES {
            for column in 0..Self::LANES {
                // SAFETY: both indices are below LANES, which the caller promises to be in reach.
                unsafe {
                    *to.add(column * to_stride + row) = *from.add(row * from_stride + column)
                };
            }
        }
    }
}
