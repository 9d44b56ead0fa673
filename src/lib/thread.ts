import { Worker } from 'node:worker_threads'

/** A thread that answers questions, one after the other. */
export interface Thread<Question, Answer> {
  /** Rejects when the thread itself breaks; the next question starts a new one. */
  ask(question: Question): Promise<Answer>
  /** Ends it, whatever it is doing. */
  close(): Promise<void>
}

/**
 * `source` is CommonJS that posts one answer for each message. It is text because a thread cannot load what only a
 * compiler or the test runner can read. Started by the first question; between questions it does not keep the process
 * alive. One question at a time: who asks waits for the answer before asking again.
 */
export function createThread<Question, Answer>(source: string, name: string): Thread<Question, Answer> {
  let worker: Worker | null = null
  const start = (): Worker => {
    const made = new Worker(source, { eval: true, name })
    made.unref()
    return made
  }
  return {
    ask: (question) =>
      new Promise((resolve, reject) => {
        worker ??= start()
        const thread = worker
        const end = (): void => {
          thread.off('message', answered)
          thread.off('error', broke)
          thread.off('exit', left)
          thread.unref()
        }
        const answered = (answer: Answer): void => {
          end()
          resolve(answer)
        }
        const broke = (error: Error): void => {
          end()
          worker = null
          reject(error)
        }
        const left = (): void => broke(new Error(`the thread ${name} ended before it answered`))
        thread.ref()
        thread.on('message', answered)
        thread.on('error', broke)
        thread.on('exit', left)
        thread.postMessage(question)
      }),
    close: async () => {
      const thread = worker
      worker = null
      await thread?.terminate()
    },
  }
}
