/** One chat: its messages, and the place to write the next one. */
import { useEffect, useRef, useState } from 'react'
import { useUnbrokenChat } from './use-unbroken-chat.js'

const prompts = [
  'Tell me a long story about a lighthouse keeper.',
  'Explain how tides work, step by step.',
  'Write a letter from the sea to the shore.',
]

export function Chat({ id, known, onChange }) {
  const chat = useUnbrokenChat(id, known, onChange)
  const { messages, isBusy } = chat

  const send = (text) => {
    if (location.pathname === '/') history.replaceState(null, '', `/chat/${id}`)
    void chat.sendMessage({ text })
  }

  return (
    <main>
      <Log isBusy={isBusy}>
        {messages.length === 0 && <Welcome onPick={send} />}
        {messages.map((message, index) => (
          <Message
            key={message.id}
            message={message}
            isRunning={isBusy && index === messages.length - 1}
            isResumed={chat.isResumed}
          />
        ))}
        <Trouble chat={chat} />
      </Log>
      <p className="hidden" role="status">
        {chat.isStopping ? 'Stopping' : isBusy ? 'The answer is being written' : messages.length > 0 ? 'Ready' : ''}
      </p>
      <Composer chat={chat} onSend={send} />
    </main>
  )
}

/** Scrolls along with what is written, unless the reader has scrolled away. */
function Log({ isBusy, children }) {
  const box = useRef(null)
  const isAtEnd = useRef(true)
  useEffect(() => {
    if (isAtEnd.current) box.current.scrollTop = box.current.scrollHeight
  })
  const onScroll = ({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) => {
    isAtEnd.current = scrollHeight - scrollTop - clientHeight < 40
  }
  return (
    <section className="log" aria-label="Messages" aria-busy={isBusy} tabIndex={0} ref={box} onScroll={onScroll}>
      <div className="column">{children}</div>
    </section>
  )
}

function Welcome({ onPick }) {
  return (
    <div className="welcome">
      <h1>Ask something, then try to break it.</h1>
      <p>While an answer is being written:</p>
      <ul>
        <li>reload this page, or lose the network;</li>
        <li>open its address in a second tab, and stop it from there;</li>
        <li>kill the model server, the gateway, or the server of this app.</li>
      </ul>
      <p>The answer goes on where it was. Not a word is lost, and none comes twice.</p>
      <div className="prompts">
        {prompts.map((text) => (
          <button type="button" key={text} onClick={() => onPick(text)}>
            {text}
          </button>
        ))}
      </div>
    </div>
  )
}

function Message({ message, isRunning, isResumed }) {
  const text = message.parts.map((part) => (part.type === 'text' ? part.text : '')).join('')
  const thoughts = message.parts.map((part) => (part.type === 'reasoning' ? part.text : '')).join('')
  const { ray, ending } = message.metadata ?? {}
  if (message.role === 'user')
    return (
      <article className="message user" aria-label="You">
        <div className="text">{text}</div>
      </article>
    )
  return (
    <article className="message assistant" aria-label="Answer">
      {thoughts && (
        <details className="thoughts">
          <summary>Thoughts</summary>
          <div className="text">{thoughts}</div>
        </details>
      )}
      <div className={isRunning ? 'text running' : 'text'}>{text}</div>
      <footer>
        {ray && <span className="ray">ray {ray}</span>}
        {isRunning && isResumed && <span className="tag">resumed</span>}
        {ending === 'stopped' && <span className="tag">stopped</span>}
        {ending === 'broken' && <span className="tag bad">not complete</span>}
      </footer>
    </article>
  )
}

/** What went wrong, and what to do: nothing while the page is coming back by itself. */
function Trouble({ chat }) {
  if (chat.isReturning)
    return (
      <p className="trouble" role="status">
        The connection is gone. Coming back…
      </p>
    )
  const last = chat.messages.at(-1)
  const isUnanswered = last !== undefined && (last.role === 'user' || last.metadata?.ending === 'broken')
  if (chat.isBusy || chat.isLooking || !(chat.error || isUnanswered)) return null
  return (
    <div className="trouble" role="alert">
      <p>{last?.metadata?.reason ?? chat.error?.message ?? 'There is no complete answer to this yet.'}</p>
      <button type="button" onClick={() => void chat.retry()}>
        Try again
      </button>
    </div>
  )
}

function Composer({ chat, onSend }) {
  const [text, setText] = useState('')
  const canSend = text.trim() !== '' && !chat.isBusy
  const submit = (event) => {
    event.preventDefault()
    if (!canSend) return
    onSend(text.trim())
    setText('')
  }
  const onKeyDown = (event) => {
    if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) submit(event)
  }
  return (
    <form className="composer" onSubmit={submit}>
      <div className="column">
        <label className="hidden" htmlFor="message">
          Message
        </label>
        <textarea
          id="message"
          rows="1"
          placeholder="Write a message"
          autoFocus
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={onKeyDown}
        />
        {chat.isBusy ? (
          <button type="button" disabled={!chat.canStop} onClick={() => void chat.stop()}>
            {chat.isStopping ? 'Stopping' : 'Stop'}
          </button>
        ) : (
          <button type="submit" className="primary" disabled={!canSend}>
            Send
          </button>
        )}
      </div>
    </form>
  )
}
