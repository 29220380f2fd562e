/**
 * All that the tiny model has ever read. Each paragraph is a possible answer from its first word to its end: the model
 * learns which word follows which, that a line begins with a paragraph's first word, and that it may stop at its end.
 * A few words with accents and signs are there on purpose, so that answers are not plain ASCII.
 */
export const corpus: readonly string[] = [
  `A gateway is a patient doorkeeper. It knows every server in the house, which of them is awake, and which of them has
  more work than it can carry. When a guest knocks, the gateway looks for a free server and brings the question there.
  When that server falls silent, the gateway does not shut the door. It asks the next server, and the guest gets the
  answer without a word about the trouble.`,
  `A server is a machine that waits. Most of the day it waits for questions, and now and then it waits for its own disk.
  A good server answers in the order of the questions, tells the truth about its queue, and says goodbye before it goes
  to sleep. A bad server takes the question and is never heard of again.`,
  `Bread needs flour, water, salt and time. Mix the flour with the water, wait an hour, then add the salt and fold the
  dough until it holds together. In the night the dough rises by itself. In the morning the oven is hot, the crust turns
  brown, and the whole house smells of bread. A crêpe is quicker, but nobody ever wrote a song about a crêpe.`,
  `The weather comes from the west. First the wind turns, then the clouds grow over the hills, and by noon the rain is
  here. At 20 °C the rain is a gift, at 2 °C it is a trial. After the rain the air is clear, and one can see from the
  hills of Zürich to the white mountains. Tomorrow the sun is back, or so the weather report says.`,
  `Somebody is on call tonight. The telephone lies beside the bed, the lamp is small, and the graph on the wall is flat.
  At three the graph jumps. A new version was too hungry and ate all the memory of the machine. The old version comes
  back, the queue becomes shorter, and the graph is flat again. In the morning there is coffee, and a page that tells
  what was wrong, who felt it, and what will be different.`,
  `A queue is a promise with a number. It is short when the work is quick, and it grows when more guests come than go. A
  queue without an end is a lie, because nobody waits for ever. So the doorkeeper counts the guests, tells each of them
  how long it will take, and sends away the last ones before they lose their evening.`,
  `The train leaves the old station at nine. It follows the river, passes two villages and a mill, and climbs into the
  forest. Children count the bridges, an old man reads the news, and the dog under the seat is asleep. When the line is
  closed, a bus waits at the next station, and nobody has to buy a new ticket.`,
  `In the garden the beans climb up their poles, the bees visit the thyme, and the cat visits the bees. Water in the
  evening, not at noon. Take what is ripe, leave what is small, and give the neighbour a basket, because the neighbour
  has apples. Soup from one garden tastes of one garden, soup from two gardens tastes of friendship.`,
  `Nothing is lost when it was written down first. The clerk writes each word into the book and only then says it aloud.
  If the clerk falls ill in the middle of a sentence, another clerk opens the same book, finds the last word, and reads
  on from there. The listeners hear a short pause, but no word is missing, and no word is said twice.`,
].map((paragraph) => paragraph.replace(/\s+/g, ' '))
