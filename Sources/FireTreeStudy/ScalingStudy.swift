import FireTree

/// How preprocessing and step time of every engine grow with n, m and d.
struct ScalingStudy: Study {
  static let keyColumns = ["sweep", "points", "neurons", "dimension"]
  static let valueColumns = EngineMeasurement.columns

  /// One size grows, the others stand.
  struct Sweep: Sendable {
    let name: String
    /// The column that grows.
    let column: String
    let sizes: [(points: Int, neurons: Int, dimension: Int)]
    /// Whether the points of a file can be used: not when the dimension is to grow.
    var usesData = true
  }

  let settings: StudySettings
  let sweeps: [Sweep]

  init(_ settings: StudySettings) {
    self.settings = settings
    let powers = { (low: Int, high: Int) in (low...high).map { 1 << $0 } }
    let dimension = settings.choose(full: 256, quick: 128, smoke: 16)
    let widths = { (points: Int, range: [Int]) in
      range.map { (points: settings.points([points])[0], neurons: $0, dimension: dimension) }
    }
    let counts = settings.points(
      settings.choose(
        full: [512, 896, 1536, 2560, 4096], quick: [128, 256, 512, 1024], smoke: powers(3, 5)))
    let dimensions = settings.choose(full: powers(12, 16), quick: powers(10, 13), smoke: powers(4, 6))
    sweeps = [
      Sweep(
        name: "m, few points", column: "neurons",
        sizes: widths(
          settings.choose(full: 16, quick: 16, smoke: 4),
          settings.choose(full: powers(16, 20), quick: powers(14, 17), smoke: powers(6, 8)))),
      Sweep(
        name: "m, many points", column: "neurons",
        sizes: widths(
          settings.choose(full: 1000, quick: 256, smoke: 24),
          settings.choose(full: powers(12, 17), quick: powers(12, 15), smoke: powers(6, 8)))),
      // So many neurons that n^2 d, which some engines take for products of points, stays a small part.
      Sweep(
        name: "n", column: "points",
        sizes: counts.map { ($0, settings.choose(full: 65536, quick: 8192, smoke: 128), dimension) }),
      // So many coordinates that what is done once for each pair stays a small part.
      Sweep(
        name: "d", column: "dimension",
        sizes: dimensions.map {
          (
            settings.choose(full: 256, quick: 64, smoke: 8),
            settings.choose(full: 2048, quick: 1024, smoke: 64),
            $0
          )
        }, usesData: false),
    ]
  }

  /// Times of a few steps settle soon; a slow engine gets a few seconds.
  static func budget(_ settings: StudySettings) -> EngineMeasurement.Budget {
    settings.choose(
      full: EngineMeasurement.Budget(steps: 11, seconds: 1.5, predictedSeconds: 8),
      quick: EngineMeasurement.Budget(steps: 5, seconds: 0.5, predictedSeconds: 2),
      smoke: EngineMeasurement.Budget(steps: 2, seconds: 0.1, predictedSeconds: 1))
  }

  var cells: [StudyCell] {
    sweeps.flatMap { sweep in
      sweep.sizes.map { size in
        let dimension = sweep.usesData ? settings.data?.points.dimension ?? size.dimension : size.dimension
        return StudyCell(
          key: [sweep.name, "\(size.points)", "\(size.neurons)", "\(dimension)"]
        ) { [settings] in
          let instance = StudyInstance(
            points: size.points, dimension: dimension, neurons: size.neurons, settings,
            usesData: sweep.usesData)
          return try EngineMeasurement.all(
            instance, budget: Self.budget(settings), workers: settings.workers
          ).map(\.fields)
        }
      }
    }
  }

  /// The laws of one engine in one sweep.
  struct Fit {
    let sweep: Sweep
    let engine: String
    let preprocessing: PowerLaw?
    let step: PowerLaw?
  }

  func fits(_ table: StudyTable) -> [Fit] {
    sweeps.flatMap { sweep in
      EngineKind.allCases.map { kind in
        let rows = table.records.filter {
          $0["sweep"] == sweep.name && $0["engine"] == kind.rawValue && $0["status"] == "measured"
        }
        let law = { (column: String) in
          PowerLaw(rows.map { ($0.number(sweep.column), $0.number(column)) })
        }
        return Fit(
          sweep: sweep, engine: kind.rawValue, preprocessing: law("preprocess_seconds"),
          step: law("step_seconds"))
      }
    }
  }
}
