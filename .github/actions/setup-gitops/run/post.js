// When the job ends: takes away what this job made, however it ended.
'use strict'

const { input, tell, run, fail } = require('./common.js')

async function post() {
  const [cleanup, provider, saved] = [input('cleanup'), process.env.STATE_provider, process.env.STATE_arguments]
  if (cleanup === 'none' || !saved) return
  if (cleanup === 'cluster' && provider === 'context') {
    return tell('notice title=setup-gitops', 'the cluster was not made here, and stays as it is (cleanup: teardown)')
  }
  const words = cleanup === 'teardown' ? ['teardown'] : ['cluster', 'down']
  const { code } = await run([...words, ...JSON.parse(saved)])
  // A configuration that is refused: setup refused it as well, and made nothing.
  if (code !== 0 && code !== 2) fail(`gitops-setup ${words.join(' ')} ended with exit code ${code}: something is left behind`)
}

post().catch((error) => fail(error.message))
