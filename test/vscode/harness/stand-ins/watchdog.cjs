/**
 * Stands in for the native part of @vscode/native-watchdog: the extension host ends when the server
 * that started it is gone.
 */
exports.start = (parent) => {
  const timer = setInterval(() => {
    try {
      process.kill(parent, 0);
    } catch {
      process.exit(87);
    }
  }, 1000);
  timer.unref();
};

exports.exit = (code) => process.exit(code);
