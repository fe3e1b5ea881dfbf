import FireTreeCore
import FireTreeData
import Testing

@Suite struct PreprocessingTests {
  private func table(_ rows: [[Float]], kind: Dataset.Kind = .table, names: [String]? = nil) -> Dataset {
    Dataset(
      source: "t.csv", kind: kind, features: .dense(Matrix(rows)), target: nil,
      schema: FeatureSchema(count: rows[0].count, names: names))
  }

  private let sparse = Dataset(
    source: "t.svm", kind: .sparse,
    features: .sparse(
      SparseRows(columns: 3, offsets: [0, 2, 2, 3], columnIndices: [0, 2, 1], values: [3, 4, 2])),
    target: nil)

  @Test func tablesAreStandardised() throws {
    let data = table([[1, 5, 10], [3, 5, 30], [5, 5, 50]])
    let (map, note) = try Preprocessing.fit(to: data)
    #expect(map.offsets == [3, 5, 30])
    // Standard deviations sqrt(8/3) and sqrt(800/3); the constant column is only centred.
    #expect(map.scales == [Float((3.0 / 8).squareRoot()), 1, Float((3.0 / 800).squareRoot())])
    let constant = try #require(map.constant)
    // Two standardised columns: mean square norm 2.
    #expect(abs(constant - Float(2).squareRoot()) < 1e-6)
    #expect(map.unitNorm)
    #expect(note == "preprocessing: standardised columns, constant coordinate \(constant), unit norm (table)")
    let result = try map.apply(to: data.features)
    #expect(result.dimension == 4)
    for point in (0..<3).map(result.point) { #expect(abs(point.reduce(0) { $0 + $1 * $1 } - 1) < 1e-6) }
    #expect(result.point(1) == [0, 0, 0, 1])
    let outer = Float((3.0 / 2 / (3 + 2)).squareRoot())
    for (found, expected) in zip(result.point(2), [outer, 0, outer, constant / Float(5).squareRoot()]) {
      #expect(abs(found - expected) < 1e-6)
    }
  }

  @Test func theMeanNormIsThatOfTheScaledRows() throws {
    let data = table([[1, 5], [3, 7], [5, 0], [-2, 1.5]])
    for columns in ColumnScaling.allCases {
      let (map, _) = try Preprocessing.fit(to: data, options: .init(columns: columns, unitNorm: false))
      let points = try map.apply(to: data.features)
      let squares = (0..<4).map { points.point($0).dropLast().reduce(0) { $0 + Double($1) * Double($1) } }
      let constant = try #require(map.constant)
      #expect(abs(Double(constant) - (squares.reduce(0, +) / 4).squareRoot()) < 1e-5)
    }
  }

  @Test func imagesAreCentred() throws {
    let data = table([[0, 100], [200, 100]], kind: .images)
    let (map, note) = try Preprocessing.fit(to: data)
    #expect(map == Preprocessing(offsets: [100, 100], scales: [1, 1], unitNorm: true))
    #expect(note == "preprocessing: centred columns, unit norm (images)")
    #expect(try map.apply(to: data.features) == .dense(Matrix([[-1, 0], [1, 0]])))
  }

  /// NaN and infinities are data errors with the number of the point, wherever they are and whatever is done to them.
  @Test(arguments: [Float.nan, .infinity, -.infinity]) func notFinite(value: Float) throws {
    let sound = table([[1, 5, 2], [3, 6, 1], [5, 4, 0], [2, 2, 2]])
    let fits = try ColumnScaling.allCases.flatMap { columns in
      try ([(1, true), (0.5, false), (0, true), (0, false)] as [(Float, Bool)]).map { constant, unitNorm in
        let options = PreprocessingOptions(columns: columns, constant: constant, unitNorm: unitNorm)
        return (options, try Preprocessing.fit(to: sound, options: options).0)
      }
    }
    for (row, column) in [(0, 0), (1, 2), (3, 1), (3, 2)] {
      var rows = sound.rows
      rows[row][column] = value
      let data = table(rows)
      let message = "data point \(row + 1): feature \(column + 1) is \(value), not a finite number"
      let stored = (0..<4).flatMap { row in rows[row].map { $0 } }
      let sparse = DataPoints.sparse(
        SparseRows(
          columns: 3, offsets: [0, 3, 6, 9, 12], columnIndices: (0..<12).map { Int32($0 % 3) }, values: stored
        ))
      for (options, map) in fits {
        for points in [data.features, sparse] {
          let error = #expect(throws: FireTreeError.self) { try map.apply(to: points) }
          #expect(error?.kind == .data && error?.reason == message)
        }
        let error = #expect(throws: FireTreeError.self) {
          let (map, _) = try Preprocessing.fit(to: data, options: options)
          _ = try map.apply(to: data.features)
        }
        #expect(error?.kind == .data && error?.reason == message)
      }
      let target = #expect(throws: FireTreeError.self) {
        _ = try TargetEncoding.fit(to: .values((0..<4).map { $0 == row ? Double(value) : 1 }))
      }
      #expect(target?.kind == .data)
      #expect(target?.reason == "data point \(row + 1): the target is \(value), not a finite number")
    }
  }

  @Test func sparsePointsStaySparse() throws {
    let (map, note) = try Preprocessing.fit(to: sparse)
    let constant = Float((29.0 / 3).squareRoot())
    #expect(map == Preprocessing(offsets: [0, 0, 0], scales: [1, 1, 1], constant: constant, unitNorm: true))
    #expect(note == "preprocessing: columns as they are, constant coordinate \(constant), unit norm (sparse)")
    guard case .sparse(let rows) = try map.apply(to: sparse.features).storage else {
      Issue.record("not sparse")
      return
    }
    #expect(rows.columnIndices == [0, 2, 3, 3, 1, 3])
    #expect(rows.columns == 4)
    let norm = (25 + 29.0 / 3).squareRoot()
    #expect(rows.values[0] == Float(3 / norm))
    #expect(rows.values[3] == 1)
  }

  @Test func sparseAndDenseGiveTheSame() throws {
    guard case .sparse(let rows) = sparse.features.storage else { return }
    let dense = Dataset(source: "", kind: .sparse, features: .dense(try rows.dense()), target: nil)
    for constant in [0, 0.5, 1] as [Float] {
      for unitNorm in [false, true] {
        let options = PreprocessingOptions(constant: constant, unitNorm: unitNorm)
        let (a, _) = try Preprocessing.fit(to: sparse, options: options)
        let (b, _) = try Preprocessing.fit(to: dense, options: options)
        #expect(a == b)
        let (x, y) = (try a.apply(to: sparse.features), try a.apply(to: dense.features))
        #expect((0..<3).map(x.point) == (0..<3).map(y.point))
      }
    }
    // A model of dense data centres columns: its points are dense.
    let centred = Preprocessing(offsets: [1, 0, 0], scales: [1, 1, 1], unitNorm: false)
    #expect(try centred.apply(to: sparse.features) == .dense(Matrix([[2, 0, 4], [-1, 0, 0], [-1, 2, 0]])))
  }

  @Test(arguments: [ColumnScaling.center, .standardize])
  func sparseColumnsAreNotFilled(columns: ColumnScaling) {
    #expect(
      throws: FireTreeError.usage(
        "sparse columns cannot be centred or standardised, as that would fill them; use none")
    ) {
      _ = try Preprocessing.fit(to: sparse, options: .init(columns: columns))
    }
  }

  @Test func degenerateData() throws {
    let zero = table([[0, 0], [0, 0]])
    let (map, _) = try Preprocessing.fit(to: zero)
    #expect(map.constant == 1)
    #expect(try map.apply(to: zero.features) == .dense(Matrix([[0, 0, 1], [0, 0, 1]])))
    let (bare, _) = try Preprocessing.fit(to: zero, options: .init(constant: 0))
    #expect(try bare.apply(to: zero.features) == zero.features)
    let one = table([[7, -3]])
    let (single, _) = try Preprocessing.fit(to: one)
    #expect(try single.apply(to: one.features) == .dense(Matrix([[0, 0, 1]])))
    // A column of one value that is no binary fraction is constant all the same.
    let (constant, _) = try Preprocessing.fit(to: table([[0.1], [0.1], [0.1]]))
    #expect(constant.scales == [1])
  }

  @Test func extremesDoNotOverflow() throws {
    let large = table([[1e38, 1e-30], [-1e38, 3e-30], [3e38, 2e-30]])
    let (map, _) = try Preprocessing.fit(to: large)
    #expect(map.offsets.allSatisfy(\.isFinite) && map.scales.allSatisfy { $0.isFinite && $0 > 0 })
    let points = try map.apply(to: large.features)
    for i in 0..<3 { #expect(abs(points.point(i).reduce(0) { $0 + $1 * $1 } - 1) < 1e-5) }
    // A large offset keeps the differences.
    let shifted = table([[1_000_000], [1_000_001], [1_000_002]])
    #expect(try Preprocessing.fit(to: shifted).0.scales == [Float(1.5.squareRoot())])
  }

  @Test func whatDoesNotFitTheMemoryIsRefused() throws {
    // One element in the last of 2^31 - 2 columns, and a million classes of as many points.
    let rows = SparseRows(
      columns: Int(Int32.max) - 1, offsets: [0, 1], columnIndices: [.max - 2], values: [1])
    let data = Dataset(source: "t.svm", kind: .sparse, features: .sparse(rows), target: nil)
    let names = (0..<1_000_000).map(String.init)
    let target = Target.classes(names: names, indices: Array(repeating: 0, count: 1_000_000))
    if ByteCount.available < ByteCount(60_000_000_000) {
      let error = #expect(throws: FireTreeError.self) { _ = try Preprocessing.fit(to: data) }
      #expect(error?.kind == .usage)
      #expect(error?.reason.hasPrefix("preprocessing 2147483646 columns needs 68.71 GB") == true)
    }
    let error = #expect(throws: FireTreeError.self) {
      _ = try TargetEncoding.classification(names: names).encode(target)
    }
    let expected = "a target of 1000000 points and 1000000 outputs needs 4000.00 GB"
    #expect(error?.reason.hasPrefix(expected) == true)
  }

  @Test func whatCannotBeScaledIsNamed() throws {
    let tiny = table([[1, 0], [1, Float.leastNonzeroMagnitude]], names: ["a", "b"])
    let error = #expect(throws: FireTreeError.self) { _ = try Preprocessing.fit(to: tiny) }
    #expect(error?.description.hasPrefix("t.csv: column 2 ('b'): a standard deviation of ") == true)
    let large = table([[3e38, 3e38], [3e38, 3e38]])
    let other = #expect(throws: FireTreeError.self) {
      _ = try Preprocessing.fit(to: large, options: .init(columns: ColumnScaling.none))
    }
    #expect(other?.reason == "the norm of the points is not a finite 32-bit number; standardise the columns")
    let map = Preprocessing(offsets: [0], scales: [1e30], unitNorm: false)
    let overflow = #expect(throws: FireTreeError.self) {
      _ = try map.apply(to: .dense(Matrix([[1], [1e30]])))
    }
    #expect(overflow?.reason == "data point 2: preprocessing gives numbers that are not finite in 32 bits")
    // The same point has a direction.
    let unit = Preprocessing(offsets: [0], scales: [1e30], unitNorm: true)
    #expect(try unit.apply(to: .dense(Matrix([[1e30]]))) == .dense(Matrix([[1]])))
  }
}

@Suite struct TargetEncodingTests {
  @Test func classesAreOneHot() throws {
    let target = Target.classes(names: ["a", "b", "c"], indices: [2, 0, 2])
    let encoding = try TargetEncoding.fit(to: target)
    #expect(encoding == .classification(names: ["a", "b", "c"]))
    let outputs = try encoding.encode(target)
    #expect(outputs == Matrix([[0, 0, 1], [1, 0, 0], [0, 0, 1]]))
    try #expect(encoding.decode(outputs) == target)
    // Ties, and outputs that are no numbers: the first.
    let ties = Matrix([[1, 1, 0], [0, 2, 2], [.nan, .nan, .nan], [-3, -2, -2]])
    try #expect(encoding.decode(ties) == .classes(names: ["a", "b", "c"], indices: [0, 1, 0, 1]))
  }

  @Test func numbersAreStandardised() throws {
    let target = Target.values([1, 3, 5, 7])
    let encoding = try TargetEncoding.fit(to: target)
    #expect(encoding == .regression(mean: 4, scale: Float((1 / 5.0).squareRoot())))
    let outputs = try encoding.encode(target)
    #expect(outputs.columns == 1)
    #expect((0..<4).allSatisfy { abs(outputs[$0, 0] - (Float($0) * 2 - 3) / Float(5).squareRoot()) < 1e-6 })
    guard case .values(let values) = try encoding.decode(outputs) else {
      Issue.record("no values")
      return
    }
    #expect(zip(values, [1, 3, 5, 7] as [Double]).allSatisfy { abs($0 - $1) < 1e-5 })
  }

  @Test func degenerateTargets() throws {
    #expect(try TargetEncoding.fit(to: .values([0.1, 0.1, 0.1])) == .regression(mean: 0.1, scale: 1))
    #expect(try TargetEncoding.fit(to: .values([3])) == .regression(mean: 3, scale: 1))
    #expect(throws: FireTreeError.self) {
      _ = try TargetEncoding.fit(to: .values([0, Double(Float.leastNonzeroMagnitude)]))
    }
    let large = try TargetEncoding.fit(to: .values([3e38, -3e38]))
    #expect(try large.encode(.values([3e38]))[0, 0].isFinite)
  }

  @Test func targetsOfAnotherTaskAreRefused() throws {
    let classes = TargetEncoding.classification(names: ["a"])
    #expect(throws: FireTreeError.usage("a regression target cannot be used for classification")) {
      _ = try classes.encode(.values([1]))
    }
    #expect(throws: FireTreeError.usage("class 1 of point 1 is none of the 1 class")) {
      _ = try classes.encode(.classes(names: ["a", "b"], indices: [1]))
    }
  }
}
