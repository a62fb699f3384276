// Runs `gitops-setup setup`, and tells later steps how the cluster is reached. No input goes through a shell.
'use strict'

const fs = require('node:fs')
const path = require('node:path')
const { folder, input, tell, put, run, fail } = require('./common.js')

/** The guide's variables that hold a secret. */
const SECRETS = ['ARGOCDINITIALPASS', 'GIT_TOKEN', 'GIT_SSHKEY_PASSPHRASE']
const CHOICES = { cleanup: ['cluster', 'teardown', 'none'], 'upload-logs': ['failure', 'never'] }

/** Where the configuration comes from: the same for every command. */
function configuration() {
  const words = input('config') ? ['--config', input('config')] : []
  const keys = { provider: 'cluster.provider', 'kubernetes-version': 'cluster.kubernetesVersion', 'argocd-version': 'argocd.version' }
  const set = input('set').split('\n').map((line) => line.trim()).filter(Boolean)
  for (const [name, key] of Object.entries(keys)) {
    if (input(name)) set.push(`${key}=${input(name)}`)
  }
  return [...words, ...set.flatMap((value) => ['--set', value])]
}

/** The last line of `status`, which says how the cluster is reached. */
async function status(words) {
  const { code, printed } = await run(['status', '--output', 'json', ...words], { capture: true })
  const events = printed.split('\n').filter(Boolean).map((line) => JSON.parse(line))
  const found = events.find((event) => event.event === 'status')
  if (code !== 0 || !found) throw new Error(`the cluster does not say how it is reached (exit code ${code})`)
  return found.status
}

/** Markdown for the summary of the job. */
function summary(status) {
  const cell = (text) => String(text).replaceAll('|', '\\|').replaceAll('\n', ' ')
  const rows = {
    'Argo CD': status.argocdVersion,
    address: status.address ?? 'none',
    Kubernetes: `${status.kubernetesVersion} (${status.provider})`,
    context: status.context,
    'left to change': status.differences ?? 'unknown',
  }
  const lines = Object.entries(rows).map(([name, value]) => `| ${name} | ${cell(value)} |`)
  return ['### GitOps set-up', '', '| | |', '|---|---|', ...lines, '', ''].join('\n')
}

async function main() {
  for (const name of SECRETS) {
    const lines = (process.env[name] ?? '').split(/\r?\n/).filter(Boolean)
    lines.forEach((line) => tell('add-mask', line))
  }
  for (const [name, choices] of Object.entries(CHOICES)) {
    if (!choices.includes(input(name))) return fail(`${name} has to be one of ${choices.join(', ')}`)
  }
  const words = configuration()
  // For the clean-up, and for gitops-logs.
  put('GITHUB_STATE', 'arguments', JSON.stringify(words))
  fs.writeFileSync(path.join(folder, 'arguments'), words.map((word) => `${word}\n`).join(''))

  const stages = ['from', 'only', 'skip'].filter(input).flatMap((name) => [`--${name}`, input(name)])
  const { code } = await run(['setup', '--timeout', input('timeout'), ...stages, ...words])
  if (code !== 0) {
    if (input('upload-logs') !== 'never') await run(['cluster', 'logs', '--out', path.join(folder, 'logs'), ...words])
    return fail(`gitops-setup setup ended with exit code ${code}: the log of this step says why`)
  }
  const found = await status(words)
  const outputs = {
    kubeconfig: found.kubeconfig ?? '',
    context: found.context,
    address: found.address ?? '',
    'port-forward': found.portForward,
    'argocd-version': found.argocdVersion,
    'kubernetes-version': found.kubernetesVersion ?? '',
  }
  Object.entries(outputs).forEach(([name, value]) => put('GITHUB_OUTPUT', name, value))
  put('GITHUB_STATE', 'provider', found.provider)
  if (found.kubeconfig && input('export-kubeconfig') === 'true') put('GITHUB_ENV', 'KUBECONFIG', found.kubeconfig)
  fs.appendFileSync(process.env.GITHUB_STEP_SUMMARY, summary(found))
}

main().catch((error) => fail(error.message))
