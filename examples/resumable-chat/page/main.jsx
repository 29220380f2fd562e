/** The page: the list of chats, and the one that the address names. */
import { useCallback, useEffect, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { Chat } from './chat.jsx'
import { channel, getJson } from './request.js'

const idInAddress = () => /^\/chat\/([\w-]{1,64})$/.exec(location.pathname)?.[1] ?? null

function App() {
  const [list, refresh] = useList()
  const [open, show] = useOpenChat()
  const [isListOpen, setIsListOpen] = useState(false)

  const go = (event, id) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return
    event.preventDefault()
    setIsListOpen(false)
    history.pushState(null, '', id === null ? '/' : `/chat/${id}`)
    void show(id)
  }

  return (
    <div className="app">
      <header className="bar">
        <a className="brand" href="/" onClick={(event) => go(event, null)}>
          <img src="/icon.svg" alt="" width="24" height="24" /> Resumable chat
        </a>
        <button type="button" className="toggle" aria-expanded={isListOpen} onClick={() => setIsListOpen(!isListOpen)}>
          Chats
        </button>
      </header>
      <nav className={isListOpen ? 'chats open' : 'chats'} aria-label="Chats">
        <a className="new" href="/" onClick={(event) => go(event, null)}>
          New chat
        </a>
        <List list={list} openId={open?.id} go={go} />
        <p className="note">The answers come through Holdfast, the AI gateway that does not lose them.</p>
      </nav>
      {open?.messages && <Chat key={open.id} id={open.id} known={open.messages} onChange={refresh} />}
    </div>
  )
}

function List({ list, openId, go }) {
  return (
    <ul>
      {list.map(({ id, title, isRunning }) => (
        <li key={id}>
          <a href={`/chat/${id}`} aria-current={id === openId ? 'page' : undefined} onClick={(event) => go(event, id)}>
            <span>{title}</span>
            {isRunning && <span className="dot" role="img" aria-label="is being answered" />}
          </a>
        </li>
      ))}
    </ul>
  )
}

/** The chats that the server has, asked for anew when one changes. */
function useList() {
  const [list, setList] = useState([])
  const refresh = useCallback(() => void getJson('/api/chats').then(setList, () => {}), [])
  useEffect(() => {
    refresh()
    channel.addEventListener('message', refresh)
    return () => channel.removeEventListener('message', refresh)
  }, [refresh])
  return [list, refresh]
}

/** The open chat: its id, and its messages once they are here. */
function useOpenChat() {
  const [open, setOpen] = useState(null)
  const show = useCallback(async (id) => {
    if (id === null) return setOpen({ id: crypto.randomUUID(), messages: [] })
    setOpen({ id, messages: null })
    const { messages } = await getJson(`/api/chats/${id}`).catch(() => ({ messages: [] }))
    setOpen((latest) => (latest.id === id ? { id, messages } : latest))
  }, [])
  useEffect(() => {
    const onPop = () => void show(idInAddress())
    onPop()
    window.addEventListener('popstate', onPop)
    return () => window.removeEventListener('popstate', onPop)
  }, [show])
  return [open, show]
}

createRoot(document.getElementById('root')).render(<App />)
