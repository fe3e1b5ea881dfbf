import FireTree
import Foundation

/// What was typed as output files, against the other files of the command.
enum OutputPaths {
  /// Throws a usage error when an output is also an input or another output: it would be written over.
  static func check(outputs: [String?], inputs: [String?]) throws(FireTreeError) {
    let outputs = outputs.compactMap { $0 }
    for (index, output) in outputs.enumerated() {
      for input in inputs.compactMap({ $0 }) where isSame(output, input) {
        throw FireTreeError(.usage, file: output, "this file is read: give the output another name")
      }
      for other in outputs[..<index] where isSame(output, other) {
        throw FireTreeError(.usage, file: output, "two outputs have this name")
      }
    }
  }

  private static func isSame(_ a: String, _ b: String) -> Bool {
    var (first, second) = (stat(), stat())
    guard stat(a, &first) == 0, stat(b, &second) == 0 else {
      return URL(fileURLWithPath: a).standardized == URL(fileURLWithPath: b).standardized
    }
    // Devices hold nothing that could be lost.
    return first.st_mode & S_IFMT == S_IFREG && first.st_dev == second.st_dev && first.st_ino == second.st_ino
  }
}

extension Model {
  /// The model of a command that takes a model, then data. Says so when they were given the other way round.
  init(forCommandWith path: String, data: String) throws(FireTreeError) {
    do throws(FireTreeError) {
      try self.init(contentsOf: path)
    } catch {
      guard (try? SafetensorsReader(contentsOf: path)) == nil,
        (try? SafetensorsReader(contentsOf: data)) != nil
      else { throw error }
      throw FireTreeError(.usage, file: path, "\(error.reason): give the model first, then the data")
    }
  }
}
