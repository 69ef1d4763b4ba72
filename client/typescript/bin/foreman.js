#!/usr/bin/env node
// The command: a file that is there before dist/ is built, because npm links only what it finds.
import '../dist/cli/main.js'
