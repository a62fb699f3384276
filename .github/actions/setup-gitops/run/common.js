// What main.js and post.js have in common. Nothing but Node's own modules: there is nothing to install or to bundle.
'use strict'

const { spawn } = require('node:child_process')
const { randomUUID } = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')

const folder = path.join(process.env.RUNNER_TEMP, 'gitops-setup')
const program = path.join(folder, 'bin', 'gitops-setup')

/** An input of the action; empty where it is not given. */
function input(name) {
  return (process.env[`INPUT_${name.toUpperCase()}`] ?? '').trim()
}

/** A line for the runner, such as `::error::…`. */
function tell(command, text) {
  const escaped = text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
  console.log(`::${command}::${escaped}`)
}

/** Puts a value into one of the runner's files: GITHUB_OUTPUT, GITHUB_STATE, GITHUB_ENV. */
function put(file, name, value) {
  // No value can end the block, and so write another.
  const end = `end-${randomUUID()}`
  fs.appendFileSync(process.env[file], `${name}<<${end}\n${value}\n${end}\n`)
}

/** Runs the program; gives its exit code, and what it printed where `capture` is said. */
function run(words, { capture = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { stdio: ['ignore', capture ? 'pipe' : 'inherit', 'inherit'] })
    // A job that is cancelled: the program cleans up what it began.
    const pass = (signal) => child.kill(signal)
    const signals = ['SIGINT', 'SIGTERM']
    signals.forEach((signal) => process.on(signal, pass))
    let printed = ''
    child.stdout?.on('data', (data) => (printed += data))
    child.on('error', reject)
    child.on('close', (code) => {
      signals.forEach((signal) => process.off(signal, pass))
      resolve({ code: code ?? 130, printed })
    })
  })
}

/** Ends the step with an error. */
function fail(text) {
  tell('error title=setup-gitops', text)
  process.exitCode = 1
}

module.exports = { folder, input, tell, put, run, fail }
