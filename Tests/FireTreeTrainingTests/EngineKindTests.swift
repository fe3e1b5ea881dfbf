import CorrelationTrees
import FireTreeTraining
import Testing

@Suite struct EngineKindTests {
  /// A tree engine trains with every detector but the plain one, under the detector's name.
  @Test(arguments: DetectorKind.allCases) func everyDetectorHasItsEngine(detector: DetectorKind) {
    let engine = EngineKind(rawValue: detector.rawValue).map { "\($0.type)" }
    #expect(engine == (detector == .linearScan ? nil : "TreeEngine<\(detector.type)>"))
  }
}
