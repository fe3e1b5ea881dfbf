import FireTree
import Foundation
import TestSupport
import Testing

@Suite struct LimitTuningTests {
  /// Three classes of unequal size that a smooth function tells apart, with a tenth of the labels at random.
  private static func blobs(_ n: Int, seed: UInt64, kind: Dataset.Kind = .table) -> Dataset {
    var random = SeededGenerator(seed: seed)
    let features = random.matrix(rows: n, columns: 3)
    let indices = (0..<n).map { i -> Int32 in
      if i % 10 == 0 { return Int32(i / 10 % 3) }
      return features[i, 0] > 0.3 ? 0 : features[i, 1] * features[i, 2] > 0 ? 1 : 2
    }
    return Dataset(
      source: "blobs", kind: kind, features: .dense(features),
      target: .classes(names: ["a", "b", "c"], indices: indices))
  }

  private static func numbers(_ n: Int, seed: UInt64) -> Dataset {
    var random = SeededGenerator(seed: seed)
    let features = random.matrix(rows: n, columns: 3), noise = random.matrix(rows: n, columns: 1)
    let values = (0..<n).map { Double(features[$0, 0] * features[$0, 1] + 0.2 * noise[$0, 0]) }
    return Dataset(source: "numbers", kind: .table, features: .dense(features), target: .values(values))
  }

  private static let configuration = TrainingConfiguration(predictor: .limitKernel)

  /// Every candidate is the best of its path on the points that it stands for.
  @Test(arguments: [true, false]) func candidatesAreTheirPaths(unitNorm: Bool) throws {
    for data in [Self.blobs(80, seed: 1), Self.numbers(80, seed: 2)] {
      var configuration = Self.configuration
      configuration.preprocessing.unitNorm = unitNorm
      let problem = try TrainingProblem(data, configuration: configuration)
      let tuning = try #require(problem.tuning)
      #expect(tuning.candidates.count == 8 && tuning.sample == 80 && tuning.total == 80)
      for candidate in tuning.candidates {
        let constant = try #require(candidate.constant)
        let options = PreprocessingOptions(constant: constant, unitNorm: unitNorm)
        let points = try Preprocessing.fit(to: data, options: options).0.apply(to: data.features)
        let norm = (points.norms().reduce(0) { $0 + Double($1 * $1) } / 80).squareRoot()
        #expect(
          LimitTuning.thresholds.contains { abs(Double(candidate.threshold) - Double($0) * norm) < 1e-5 })
        let kernel = try LimitKernel(points: points, threshold: candidate.threshold, workers: .all)
        let path = try RidgePath(of: kernel, targets: problem.targets)
        #expect(path.best == RidgePath.Element(ridge: candidate.ridge, error: candidate.error))
      }
      #expect(Set(tuning.candidates.map(\.constant)) == [0.5, 1])
      #expect(tuning.candidates.contains(tuning.choice))
      let fit = try LimitFit(problem)
      #expect(
        fit.regression.leaveOneOut == tuning.choice.error && fit.regression.ridge == tuning.choice.ridge)
      #expect(fit.model.threshold == tuning.choice.threshold && fit.notes.isEmpty)
      #expect(
        problem.notes.filter { $0.hasPrefix("tuned by leave-one-out on 80 points: threshold ") }.count == 1)
    }
  }

  /// The largest threshold within one standard error of the smallest error, with its best constant.
  @Test func theRuleOfOneStandardError() throws {
    for (data, seed) in [
      (Self.blobs(150, seed: 3), 0), (Self.numbers(150, seed: 4), 0), (Self.blobs(60, seed: 5), 1),
    ] {
      var configuration = Self.configuration
      configuration.seed = UInt64(seed)
      let tuning = try #require(try TrainingProblem(data, configuration: configuration).tuning)
      let best = try #require(tuning.candidates.min { $0.error.mean < $1.error.mean })
      let bound = best.error.mean + best.error.standardError
      for other in tuning.candidates where other.threshold > tuning.choice.threshold {
        #expect(other.error.mean > bound)
      }
      for other in tuning.candidates where other.threshold == tuning.choice.threshold {
        #expect(other.error.mean >= tuning.choice.error.mean)
      }
      #expect(tuning.choice.error.mean <= bound)
      let runnerUp = try #require(tuning.runnerUp)
      for other in tuning.candidates where other != tuning.choice {
        #expect(other.error.mean >= runnerUp.error.mean)
      }
    }
  }

  @Test func theSameChoiceOnAnyNumberOfThreads() throws {
    for method in LimitTuning.Method.allCases {
      let tunings = try [1, 2, 3, 20].map { threads in
        var configuration = Self.configuration
        (configuration.tuning, configuration.workers) = (method, Workers(threads: threads))
        return try TrainingProblem(Self.blobs(300, seed: 6), configuration: configuration).tuning
      }
      #expect(tunings[0] != nil && tunings.allSatisfy { $0 == tunings[0] })
    }
  }

  @Test func largeTablesAreTunedOnASample() throws {
    let data = Self.numbers(2300, seed: 7)
    var configuration = Self.configuration
    (configuration.threshold, configuration.preprocessing.constant) = (.value(1), 1)
    let tunings = try ([0, 0, 1] as [UInt64]).map { seed in
      configuration.seed = seed
      return try #require(try TrainingProblem(data, configuration: configuration).tuning)
    }
    #expect(tunings[0] == tunings[1] && tunings[0].choice != tunings[2].choice)
    #expect(tunings[0].sample == 2000 && tunings[0].total == 2300)
    let sample = try StratifiedSplit.sample(of: try #require(data.target), atMost: 2000, seed: 0)
    let problem = try TrainingProblem(data, configuration: configuration)
    let kernel = try LimitKernel(points: problem.points.chosen(sample), threshold: 1, workers: .all)
    let path = try RidgePath(of: kernel, targets: problem.targets.chosen(sample))
    #expect(path.best?.error == tunings[0].choice.error)
  }

  @Test func whatIsGivenIsKept() throws {
    let data = Self.blobs(60, seed: 8)
    func tuned(_ change: (inout TrainingConfiguration) -> Void) throws -> TrainingProblem {
      var configuration = Self.configuration
      change(&configuration)
      return try TrainingProblem(data, configuration: configuration)
    }
    let threshold = try tuned { $0.threshold = .value(0.7) }
    #expect(threshold.threshold == 0.7 && threshold.tuning?.candidates.map(\.threshold) == [0.7, 0.7])
    let share = try tuned { $0.threshold = .firingShare(0.1) }
    #expect(abs(share.firingShare - 0.1) < 1e-6 && share.tuning?.candidates.count == 2)
    let constant = try tuned { $0.preprocessing.constant = 0.25 }
    #expect(constant.tuning?.candidates.map(\.constant) == [0.25, 0.25, 0.25, 0.25])
    let none = try tuned { $0.preprocessing.constant = 0 }
    #expect(none.points.dimension == 3 && none.tuning?.choice.constant == 0)
    let ridge = try tuned { $0.ridge = .value(0.3) }
    #expect(
      ridge.tuning?.candidates.allSatisfy { $0.ridge == 0.3 } == true && ridge.tuning?.candidates.count == 8)
    #expect(try LimitFit(ridge).regression.ridge == 0.3)
    let all = try tuned { ($0.threshold, $0.ridge, $0.preprocessing.constant) = (.value(1), .value(1), 1) }
    #expect(all.tuning == nil && all.threshold == 1)
    #expect(try LimitFit(all).model.training.tuning == nil)
    // Networks are as before.
    let network = try TrainingProblem(data, configuration: TrainingConfiguration(neurons: 500))
    #expect(network.tuning == nil && network.threshold == Network.paperThreshold(neurons: 500))
    let paper = try TrainingProblem(
      data, configuration: TrainingConfiguration(neurons: 500, threshold: .paper))
    #expect(paper.threshold == network.threshold && paper.points == network.points)
  }

  @Test func imagesMayDoWithoutAConstant() throws {
    let tuning = try #require(
      try TrainingProblem(Self.blobs(50, seed: 9, kind: .images), configuration: Self.configuration).tuning)
    #expect(tuning.candidates.count == 12 && Set(tuning.candidates.map(\.constant)) == [0, 0.5, 1])
  }

  /// Points as a network sees them have no constant to choose.
  @Test func preparedPointsAreTuned() throws {
    var random = SeededGenerator(seed: 10)
    let points = random.unitRows(70, columns: 4), targets = random.matrix(rows: 70, columns: 2)
    let problem = try TrainingProblem(
      points: .dense(points), truth: Supervision(targets: targets), configuration: Self.configuration)
    #expect(
      problem.tuning?.candidates.map(\.threshold).map { ($0 * 1000).rounded() / 1000 }
        == LimitTuning.thresholds)
    #expect(problem.tuning?.choice.constant == nil && problem.threshold == problem.tuning?.choice.threshold)
    #expect(try LimitFit(problem).regression.ridge == problem.tuning?.choice.ridge)
  }

  @Test func theModelKeepsTheChoice() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "firetree-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    var configuration = Self.configuration
    (configuration.seed, configuration.tuning) = (5, .holdOut)
    let problem = try TrainingProblem(Self.blobs(90, seed: 11), configuration: configuration)
    let model = try LimitFit(problem).model
    try model.write(to: folder.path)
    let run = try Model(contentsOf: folder.path).training
    #expect(run == model.training && run.others.isEmpty && run.seed == 5)
    let (tuning, kept) = (try #require(problem.tuning), try #require(run.tuning))
    #expect(kept.method == "hold-out" && kept.points == 90)
    #expect(kept.choice.threshold == tuning.choice.threshold && kept.choice.error == tuning.choice.error.mean)
    #expect(kept.choice.constant == tuning.choice.constant && kept.choice.ridge == tuning.choice.ridge)
    #expect(kept.runnerUp?.standardError == tuning.runnerUp?.error.standardError)
    #expect(run.facts["tuning"] == "hold-out" && run.facts["runner_up_error"] != nil)
  }

  @Test func degenerateTablesDoNotTrap() throws {
    func table(_ rows: [[Float]], _ target: Target) -> Dataset {
      Dataset(source: "x", kind: .table, features: .dense(Matrix(rows)), target: target)
    }
    let one = Target.classes(names: ["a"], indices: [0, 0, 0, 0]),
      two = Target.classes(names: ["a", "b"], indices: [0, 1])
    let tables = [
      table([[1, 2], [3, 4], [5, 1], [0, 0]], one), table([[1, 2], [3, 4]], two),
      table([[1, 2], [1, 2]], two),
      table([[7, 7], [7, 7], [7, 7]], .values([1, 2, 4])),
      table([[1], [2], [3], [4]], .values([5, 5, 5, 5])),
      table([[1, 2]], .values([3])), table([[0, 0], [0, 0], [0, 0]], .values([0, 1, 0])),
    ]
    for data in tables {
      for method in LimitTuning.Method.allCases {
        for unitNorm in [true, false] {
          var configuration = Self.configuration
          (configuration.tuning, configuration.preprocessing.unitNorm) = (method, unitNorm)
          do throws(FireTreeError) {
            let fit = try LimitFit(TrainingProblem(data, configuration: configuration))
            #expect(try fit.model.predict(data.features).count == data.count)
          } catch {
            // Where each class, or all there is, is one point, there is none to hold out.
            #expect(
              method == .holdOut && error.kind == .usage && (data.count == 1 || data.target == two),
              "\(error)")
          }
        }
      }
    }
    let huge = table([[3e37, 0], [0, 3e37], [1, 1]], .values([1, 2, 3]))
    var configuration = Self.configuration
    configuration.preprocessing = PreprocessingOptions(
      columns: ColumnScaling.none, constant: 0, unitNorm: false)
    let error = #expect(throws: FireTreeError.self) {
      _ = try TrainingProblem(huge, configuration: configuration)
    }
    #expect(error?.kind == .data && error?.reason.hasPrefix("the squared norms") == true)
  }

  @Test func wrongConfigurationsAreUsageErrors() throws {
    let data = Self.blobs(20, seed: 12)
    for constant in [-1, .nan, .infinity, 3e38] as [Float] {
      var configuration = Self.configuration
      configuration.preprocessing.constant = constant
      let error = #expect(throws: FireTreeError.self) {
        _ = try TrainingProblem(data, configuration: configuration)
      }
      #expect(error?.kind == .usage, "\(constant)")
    }
    var configuration = Self.configuration
    configuration.threshold = .paper
    let error = #expect(throws: FireTreeError.self) {
      _ = try TrainingProblem(data, configuration: configuration)
    }
    #expect(error?.kind == .usage && error?.reason.contains("needs a number of neurons") == true)
  }

  @Test func progressIsTold() throws {
    var seen: [Int] = []
    _ = try TrainingProblem(Self.blobs(30, seed: 13), configuration: Self.configuration) { candidate, count in
      #expect(count == 8)
      seen.append(candidate)
    }
    #expect(seen == Array(1...8))
  }
}
