// The load generator as a process of its own: does what it is asked over the channel. It never runs longer than asked.

import { answer } from './answers.ts'
import { attach, told } from './attached.ts'
import { rate } from './rate.ts'
import { streams } from './streams.ts'
import { upload } from './upload.ts'

answer({ attach, told, rate, streams, upload })
