import ArgumentParser
import FireTree
import Glibc

struct FireTreeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "firetree",
    abstract: "Exact, fast training of very wide two-layer ReLU networks on CPUs.",
    discussion: """
      A first session:

        firetree train digits.csv --target label --out digits.safetensors
        firetree evaluate digits.safetensors held-out.csv
        firetree predict digits.safetensors new.csv --out predictions.csv

      Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 ran but failed (a \
      mismatch, a diverged loss, a full disk), 64 wrong usage, 65 bad data, 129, 130 or 143 stopped by a \
      signal, with everything written.
      """,
    version: "\(Provenance.version) (commit \(Provenance.commit))",
    subcommands: [
      TrainCommand.self, PredictCommand.self, EvaluateCommand.self, VerifyCommand.self, InspectCommand.self,
      BenchmarkCommand.self, PlanCommand.self, StudyCommand.self,
    ])
}

@main
enum Main {
  static func main() {
    StandardStreams.prepare()
    Memory.end = { error in
      Message.error("\(error)")
      // Other threads are at work: nothing is to be taken down beneath them.
      _exit(ExitCodes.code(for: error.kind))
    }
    do {
      var command = try FireTreeCommand.parseAsRoot()
      if computes(command) { try LinearAlgebra.check() }
      try command.run()
      try StandardOutput.flush()
    } catch {
      exit(reporting: error)
    }
  }

  /// Whether a command computes anything: help and `inspect` do not.
  private static func computes(_ command: any ParsableCommand) -> Bool {
    !(command is InspectCommand)
      && FireTreeCommand.configuration.subcommands.contains { $0 == type(of: command) }
  }

  /// What shows the help of the command that was typed.
  private static var helpCommand: String {
    let names = FireTreeCommand.configuration.subcommands.compactMap { $0.configuration.commandName }
    let typed = CommandLine.arguments.dropFirst().first.flatMap { names.contains($0) ? " \($0)" : nil }
    return "firetree help" + (typed ?? "")
  }

  /// Prints what went wrong in one line, or the help that was asked for, and ends the process.
  private static func exit(reporting error: any Error) -> Never {
    switch error {
    case let error as FireTreeError:
      Message.error("\(error)")
      terminate(ExitCodes.code(for: error.kind))
    case let error as ExitCode: terminate(error.rawValue)
    default:
      let code = FireTreeCommand.exitCode(for: error)
      guard code != .success else {
        do {
          try StandardOutput.write(FireTreeCommand.fullMessage(for: error) + "\n")
          try StandardOutput.flush()
        } catch {
          Message.error("\(error)")
          terminate(ExitCodes.failure)
        }
        terminate(0)
      }
      let message = FireTreeCommand.message(for: error).split(separator: "\n").joined(separator: " ")
      Message.error("\(message) (see \(helpCommand))")
      terminate(code == .validationFailure ? ExitCodes.usage : code.rawValue)
    }
  }
}
