/**
 * Stands in for @vscode/spdlog, the native module with which VS Code writes its logs. Without it the
 * output channels of extensions stay empty. It writes at once and does not rotate.
 */
const { closeSync, mkdirSync, openSync, writeSync } = require("node:fs");
const { dirname } = require("node:path");

const levels = ["trace", "debug", "info", "warn", "error", "critical"];

class Logger {
  #file;
  #level = 0;
  #formatted = true;

  constructor(_type, _name, path) {
    mkdirSync(dirname(path), { recursive: true });
    this.#file = openSync(path, "a");
  }

  getLevel() {
    return this.#level;
  }

  setLevel(level) {
    this.#level = level;
  }

  /** VS Code sets one pattern only, which is the one written here. */
  setPattern() {
    this.#formatted = true;
  }

  clearFormatters() {
    this.#formatted = false;
  }

  flush() {}

  drop() {
    closeSync(this.#file);
    this.#file = undefined;
  }

  write(level, message) {
    if (this.#file === undefined || level < this.#level) {
      return;
    }
    writeSync(this.#file, this.#formatted ? `${prefix(level)} ${message}\n` : message);
  }
}

levels.forEach((name, level) => {
  Logger.prototype[name] = function write(message) {
    this.write(level, message);
  };
});

function prefix(level) {
  const now = new Date();
  const local = new Date(now.getTime() - now.getTimezoneOffset() * 60_000);
  const name = levels[level] === "warn" ? "warning" : levels[level];
  return `${local.toISOString().slice(0, 23).replace("T", " ")} [${name}]`;
}

async function createLogger(name, path) {
  return new Logger("rotating", name, path);
}

exports.version = 0;
exports.setLevel = () => {};
exports.setFlushOn = () => {};
exports.Logger = Logger;
exports.createRotatingLogger = createLogger;
exports.createAsyncRotatingLogger = createLogger;
