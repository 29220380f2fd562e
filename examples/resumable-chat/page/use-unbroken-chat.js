/**
 * `useChat({ resume: true })`, and what it leaves to the page: to come back by itself when the link or this app's server
 * goes away in mid-answer, a stop that reaches the model, and tabs that keep up with each other.
 */
import { useChat } from '@ai-sdk/react'
import { DefaultChatTransport } from 'ai'
import { useEffect, useMemo, useRef, useState } from 'react'
import { channel, getJson, Refused, request, tellTabs } from './request.js'

/** Tries to come back in a row, over a minute in all; then it is left to a person. */
const triesMax = 12
const waitMs = 250
const waitMsMax = 8000

/**
 * @param id Of the chat.
 * @param known Its messages when the page was opened.
 * @param onChange Is called when an answer has begun or ended.
 */
export function useUnbrokenChat(id, known, onChange) {
  const [isResumed, setIsResumed] = useState(false)
  /** Until the server has said whether an answer is running. */
  const [isLooking, setIsLooking] = useState(true)
  const { lost, lose, find } = useReturn(() => latest.current.resumeStream())
  const wasRefused = useRef(false)
  const announce = () => {
    tellTabs(id)
    onChange()
  }

  const onResponse = ({ status }, isResume) => {
    find()
    setIsLooking(false)
    setIsResumed(isResume && status === 200)
    // Nothing is running: what ended while nobody looked is in the chat.
    if (status === 204) void catchUp(latest.current, false)
    else if (!isResume) announce()
  }
  const onFailure = (error, isResume, isAborted) => {
    if (isResume && !isAborted) lose()
    wasRefused.current = error instanceof Refused
  }
  const transport = useMemo(() => openTransport(onResponse, onFailure), [id])

  const chat = useChat({
    ...{ id, messages: known, resume: true, transport, throttle: 40 },
    onFinish: ({ isAbort, finishReason, message }) => {
      // A stream that just ends is not the end of an answer: that is a finish reason, or the server says why not.
      const isEnd = finishReason !== undefined || message.metadata?.ending !== undefined
      if (!isAbort && !isEnd && !wasRefused.current) lose()
      announce()
    },
  })
  // What the callbacks see is the chat of the latest render.
  const latest = useRef(chat)
  latest.current = chat
  useOtherTabs(id, () => void catchUp(latest.current, true))

  const isBusy = chat.status === 'submitted' || chat.status === 'streaming'
  const isReturning = lost > 0 && lost <= triesMax
  // Another try at an answer that broke, or at one that was lost sight of.
  const retry = () => (lost > 0 ? chat.resumeStream() : chat.regenerate())
  return { ...chat, ...useStop(chat, isBusy), isBusy, isLooking, isResumed: isResumed && isBusy, isReturning, retry }
}

/** Sends only the message to be answered, since the server has the rest; tells what came of each request. */
function openTransport(onResponse, onFailure) {
  return new DefaultChatTransport({
    prepareSendMessagesRequest: ({ id, messages }) => ({
      body: { id, message: messages.findLast(({ role }) => role === 'user') },
    }),
    fetch: async (url, init) => {
      const isResume = init.method === 'GET'
      try {
        const response = await request(url, init)
        onResponse(response, isResume)
        return response
      } catch (error) {
        onFailure(error, isResume, init.signal?.aborted)
        throw error
      }
    },
  })
}

/** Counts how often in a row an answer was lost sight of, though it may be going on, and looks for it again. */
function useReturn(resume) {
  const [lost, setLost] = useState(0)
  useEffect(() => {
    if (lost === 0 || lost > triesMax) return
    const timer = setTimeout(() => void resume(), Math.min(waitMsMax, waitMs * 2 ** (lost - 1)))
    return () => clearTimeout(timer)
  }, [lost])
  return { lost, lose: () => setLost((times) => times + 1), find: () => setLost(0) }
}

/** Another tab has changed the chat, or this one was in the background: look what is new. */
function useOtherTabs(id, look) {
  useEffect(() => {
    const onMessage = ({ data }) => data === id && look()
    const onVisible = () => document.visibilityState === 'visible' && look()
    channel.addEventListener('message', onMessage)
    document.addEventListener('visibilitychange', onVisible)
    return () => {
      channel.removeEventListener('message', onMessage)
      document.removeEventListener('visibilitychange', onVisible)
    }
  }, [id])
}

/** Stops the model, and with it the streams of all who watch; `stop()` of useChat would only close this tab's. */
function useStop(chat, isBusy) {
  const [isStopping, setIsStopping] = useState(false)
  useEffect(() => {
    if (!isBusy) setIsStopping(false)
  }, [isBusy])
  const last = chat.messages.at(-1)
  const stop = async () => {
    setIsStopping(true)
    const init = { method: 'POST', headers: { 'content-type': 'application/json' } }
    const body = JSON.stringify({ messageId: last.id })
    await request(`/api/chat/${chat.id}/stop`, { ...init, body }).catch(() => setIsStopping(false))
  }
  return { stop, isStopping, canStop: isBusy && last?.role === 'assistant' && !isStopping }
}

/** Takes over what the server knows of a chat that is at rest here, and joins an answer that is running there. */
async function catchUp(chat, isToResume) {
  if (chat.status === 'submitted' || chat.status === 'streaming') return
  const { messages, running } = await getJson(`/api/chats/${chat.id}`).catch(() => ({ messages: [] }))
  const lastAsked = chat.messages.findLast(({ role }) => role === 'user')
  // A message that never got there stays, so that it can be sent again.
  if (messages.length === 0 || (lastAsked && !messages.some((each) => each.id === lastAsked.id))) return
  chat.setMessages(messages)
  chat.clearError()
  if (running && isToResume) await chat.resumeStream()
}
