import CKernels

/// Inner loops of kinetic training. What their structs say stands with the fields, in `CKernels.h`.
extension Kernels {
  /// Asks for the cache lines of `count` elements that are about to be read.
  @inlinable @inline(__always)
  public static func prefetch<Element>(_ start: UnsafePointer<Element>, count: Int) {
    firetree_prefetch(start, count * MemoryLayout<Element>.stride)
  }

  /// The same for three arrays.
  @inlinable @inline(__always)
  public static func prefetch<Element>(
    _ first: UnsafePointer<Element>, _ second: UnsafePointer<Element>, _ third: UnsafePointer<Element>,
    count: Int
  ) {
    firetree_prefetch_three(first, second, third, count * MemoryLayout<Element>.stride)
  }

  /// Asks for the entries of a matrix in the rows `points[positions[q]]` and the columns of the first `terms` points.
  @inlinable @inline(__always)
  public static func prefetchEntries(
    of matrix: MatrixView, _ points: UnsafePointer<UInt16>, _ positions: UnsafePointer<UInt16>, count: Int,
    terms: Int
  ) {
    firetree_prefetch_entries(matrix.base, matrix.stride, points, positions, count, terms)
  }

  /// When a neuron is to be looked at, and how far neurons may have moved since that was set.
  public typealias Countdown = firetree_countdown
  public typealias Clock = firetree_clock
  public typealias Bound = firetree_bound

  /// Stores, ascending, the positions of the countdowns that may have run out, or that are one step from the greatest age and
  /// were not set anew; returns how many they are, and how many countdowns have points that fire.
  ///
  /// Complexity: 12 bytes a neuron, eight at a time.
  @inlinable @inline(__always)
  public static func selectLate(
    _ clock: Clock, countdowns: UnsafeMutablePointer<Countdown>, count: Int,
    into positions: UnsafeMutablePointer<Int32>
  ) -> (count: Int, moving: Int) {
    var moving = 0
    let found = withUnsafePointer(to: clock) {
      firetree_select_late($0, countdowns, count, positions, &moving)
    }
    return (found, moving)
  }

  /// <y, y> and <x, y>. Complexity: 4 `count` flops.
  @inlinable @inline(__always)
  public static func projection(
    on x: UnsafePointer<Float>, of y: UnsafePointer<Float>, count: Int
  ) -> (square: Float, product: Float) {
    var result: (square: Float, product: Float) = (0, 0)
    withUnsafeMutableBytes(of: &result) {
      firetree_projection(x, y, count, $0.baseAddress?.assumingMemoryBound(to: Float.self))
    }
    return result
  }

  /// What measures of steps are made of, beside sums.
  public typealias Scales = firetree_scales

  /// Eight steps beside one of them, r (`reference`), from their `squares` x and `products` y with it (8 each).
  ///
  /// `measures` (3 x 8) become the length of each at most, `factor * sqrt(x)`; the multiple of r that is nearest to it,
  /// `y / squares[r]` if that is positive; and what it turns from that at most, `factor * sqrt(x - multiple * y + rounding * x)`.
  /// To lengths and turns margins are added.
  @inlinable @inline(__always)
  public static func measureProducts(
    squares: UnsafePointer<Float>, products: UnsafePointer<Float>, reference: Int, _ scales: Scales,
    into measures: UnsafeMutablePointer<Float>
  ) {
    withUnsafePointer(to: scales) { firetree_measure_products(squares, products, reference, $0, measures) }
  }

  /// The same of the vectors of `steps[8 points[t] + k]`. Complexity: one load of eight floats for each point.
  @inlinable @inline(__always)
  public static func measureSteps(
    _ steps: UnsafePointer<Float>, points: UnsafePointer<UInt16>, count: Int, reference: Int,
    _ scales: Scales,
    into measures: UnsafeMutablePointer<Float>
  ) {
    withUnsafePointer(to: scales) {
      firetree_measure_steps(steps, points, count, reference, $0, measures)
    }
  }

  /// What some of the steps take that were measured.
  public typealias Progress = firetree_progress

  /// The last `age` steps up to step `now`, the measures of each at its number modulo 8. Of a countdown that takes `taken` for
  /// the step that they were measured beside, each takes its multiple of that and its turn, but no more than its length.
  @inlinable @inline(__always)
  public static func sumSteps(
    _ measures: UnsafePointer<Float>, taken: Float, now: Int, age: Int
  ) -> Progress {
    firetree_sum_steps(measures, taken, now, age)
  }

  /// `coefficients[k] = alpha[k] + shares[k]` for the first `firing`, `alpha[k]` for the rest of the `support`; returns the
  /// sum of the magnitudes of what was added.
  @inline(__always)
  public static func sumCoefficients(
    alpha: UnsafePointer<Float>, shares: UnsafePointer<Float>, firing: Int, support: Int,
    into coefficients: UnsafeMutablePointer<Float>
  ) -> Float {
    firetree_sum_coefficients(alpha, shares, firing, support, coefficients)
  }

  /// What a pair's state depends on, of all pairs.
  public typealias Pairs = firetree_pairs
  /// A neuron's candidates, those that were chosen of them, where the neuron is headed, and what a look found.
  public typealias List = firetree_list
  public typealias Choice = firetree_choice
  public typealias Heading = firetree_heading
  public typealias Look = firetree_look

  /// Chooses the candidates whose limits do not exceed `path + ahead`, neither of which is negative; if these are more than
  /// `enough`, those whose limits do not exceed `path + ahead * enough / count`.
  ///
  /// Their positions are stored, ascending; there is room for `count`. Complexity: a comparison a candidate, eight at a time.
  @inlinable @inline(__always)
  public static func chooseDue(
    _ limits: UnsafePointer<Float>, count: Int, path: Double, ahead: Float, enough: Int,
    into positions: UnsafeMutablePointer<UInt16>
  ) -> Choice {
    firetree_choose_due(limits, count, path, ahead, enough, positions)
  }

  /// Computes the chosen candidates of a neuron, and gives each a new limit.
  ///
  /// The correlations `s = anchored[q] + sum_t coefficients[t] G[points[q], points[t]]` over the first `terms` candidates go to
  /// `values`, of which the first `firing` are taken to fire; the same products with the heading, or 0, go to `speeds`. Both
  /// have room for three more.
  ///
  /// With `r = error * norms[points[q]] + rounding` and the distance `max(|s - threshold| - r, min(r, tie))` the limit is
  /// `path + distance / reaches[q]`, rounded down; -infinity without a distance. The share that a step takes is `(v /
  /// reaches[q] + margin) / (distance / reaches[q])`, where v is how fast the heading brings the correlation towards the
  /// threshold, or 0; of candidates that are not computed it is `length / (limit - path)`, and of all without coefficients.
  /// Where a limit is -infinity, `pace` says nothing.
  ///
  /// Complexity: `terms` multiply-adds for each, twice as many with a heading, four at a time.
  @inlinable @inline(__always)
  public static func computeDue(
    _ pairs: Pairs, heading: Heading, _ list: List, _ choice: Choice, positions: UnsafePointer<UInt16>,
    firing: Int, coefficients: UnsafePointer<Float>, terms: Int, path: Double, error: Float,
    values: UnsafeMutablePointer<Float>, speeds: UnsafeMutablePointer<Float>
  ) -> Look {
    withUnsafePointer(to: pairs) { pairs in
      withUnsafePointer(to: heading) { heading in
        withUnsafePointer(to: list) { list in
          firetree_compute_due(
            pairs, heading, list, choice, positions, firing, coefficients, terms, path, error, values, speeds)
        }
      }
    }
  }

  /// Coefficients of a heading that have turned.
  public struct Turns {
    public let points: UnsafePointer<UInt16>
    public let values: UnsafePointer<Float>
    public let count: Int

    @inlinable
    public init(points: UnsafePointer<UInt16>, values: UnsafePointer<Float>, count: Int) {
      (self.points, self.values, self.count) = (points, values, count)
    }
  }

  /// The pace of a neuron after its heading has turned by `turns`; `heading` says how long it is now, and its margin.
  ///
  /// The candidates at `positions`, `computed` of the list's `count`, had these `speeds` before, which are lost; the first
  /// `firing` of the list fire now.
  ///
  /// Complexity: a product for each turn and each candidate that was computed, and a comparison a candidate.
  @inlinable @inline(__always)
  public static func findPace(
    _ pairs: Pairs, heading: Heading, _ list: List, count: Int, positions: UnsafePointer<UInt16>,
    computed: Int, firing: Int, _ turns: Turns, path: Double, speeds: UnsafeMutablePointer<Float>
  ) -> Float {
    withUnsafePointer(to: pairs) { pairs in
      withUnsafePointer(to: heading) { heading in
        withUnsafePointer(to: list) { list in
          firetree_find_pace(
            pairs, heading, list, count, positions, computed, firing, turns.points, turns.values,
            turns.count, path, speeds)
        }
      }
    }
  }

  /// `shares[k] = weight * sums[points[k]]` for the first `firing`, 0 for the rest of the `support`, and
  /// `coefficients[k] = alpha[k] + shares[k]`; returns the sum of the magnitudes of all that was added.
  ///
  /// `alpha` goes on to a multiple of 8, with zeros; so do the shares and the coefficients then.
  @inlinable @inline(__always)
  public static func settle(
    sums: UnsafePointer<Float>, weight: Float, points: UnsafePointer<UInt16>, alpha: UnsafePointer<Float>,
    firing: Int, support: Int, shares: UnsafeMutablePointer<Float>,
    coefficients: UnsafeMutablePointer<Float>
  ) -> Float {
    firetree_settle(sums, weight, points, alpha, firing, support, shares, coefficients)
  }

  /// `result[q] = sum_t matrix[rows[t], columns[q]]^2`. Complexity: 2 `terms` `count` flops.
  @inline(__always)
  public static func squareSums(
    of matrix: MatrixView, _ rows: UnsafePointer<UInt16>, terms: Int, columns: UnsafePointer<UInt16>,
    count: Int, into result: UnsafeMutablePointer<Float>
  ) {
    firetree_square_sums(matrix.base, matrix.stride, rows, terms, columns, count, result)
  }

  /// `reaches[q] = sqrt(reaches[q]^2 + row[points[q]]^2)`, and what is left of every limit beyond `path` shrinks by as
  /// much, both on the safe side of rounding; returns the least limit. Reaches are positive.
  @inline(__always)
  public static func widenReaches(
    by row: UnsafePointer<Float>, points: UnsafePointer<UInt16>, count: Int, path: Float,
    reaches: UnsafeMutablePointer<Float>, limits: UnsafeMutablePointer<Float>
  ) -> Float {
    firetree_widen_reaches(row, points, count, path, reaches, limits)
  }

  /// Adds `unit` for `point` with each of `others` to a symmetric matrix of which every row is kept up to its own column,
  /// where that row is among `rows`. Complexity: O(count).
  @inline(__always)
  public static func countPairs(
    in tensor: UnsafeMutablePointer<Float>, rowStarts: UnsafePointer<Int>, rows: Range<Int>, point: Int,
    others: UnsafePointer<UInt16>, count: Int, unit: Float
  ) {
    rowStarts.withMemoryRebound(to: UInt.self, capacity: rows.upperBound) {
      firetree_count_pairs(
        tensor, $0, rows.lowerBound, rows.count, point, others, count, unit)
    }
  }

  /// One row of a symmetric product with a matrix of single elements: for i < count, with t = gram[i] weights[i],
  /// `result[i] += t x`; returns the sum of t values[i].
  @inline(__always)
  public static func tensorRow(
    gram: UnsafePointer<Float>, weights: UnsafePointer<Float>, values: UnsafePointer<Double>, count: Int,
    x: Double, into result: UnsafeMutablePointer<Double>
  ) -> Double {
    firetree_tensor_row(gram, weights, values, count, x, result)
  }

  /// The same with blocks of `width` elements, a multiple of 8, `stride` apart: with t = gram[i] * block i,
  /// `own[0..<width] += t * first[i]`, `own[width..<2 width] += t * second[i]`, and `others[i]` (2 width) `+= t * (x_first,
  /// x_second)`. `first` and `second` are the halves of rows of 2 width.
  @inline(__always)
  public static func tensorBlocks(
    gram: UnsafePointer<Float>, blocks: UnsafePointer<Float>, stride: Int, values: UnsafePointer<Double>,
    count: Int, width: Int, x: UnsafePointer<Double>, own: UnsafeMutablePointer<Double>,
    others: UnsafeMutablePointer<Double>
  ) {
    firetree_tensor_blocks(gram, blocks, stride, values, count, width, x, own, others)
  }

  /// The same with whole numbers of 16 bits.
  @inline(__always)
  public static func tensorBlocks(
    gram: UnsafePointer<Float>, blocks: UnsafePointer<Int16>, stride: Int, values: UnsafePointer<Double>,
    count: Int, width: Int, x: UnsafePointer<Double>, own: UnsafeMutablePointer<Double>,
    others: UnsafeMutablePointer<Double>
  ) {
    firetree_tensor_short_blocks(gram, blocks, stride, values, count, width, x, own, others)
  }
}
