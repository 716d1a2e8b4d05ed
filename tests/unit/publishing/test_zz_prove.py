from test_what_parties_say import *
from test_what_parties_say import desk, world, log, value, origin_of, beat, head
from workshop import *
async def test_crash(desk, world, log):
    log.send(value())
    o=origin_of(log)
    b=beat(world,Head(o.topic,0,"\x01",5,bytes(32)))
    print(desk.hear(desk.topics.heartbeats,b).rejected)
    desk.office.clock.pass_(11000)
    f=desk.watch.look()
    for g in f.ask_again: desk.notices.gap(*g)
    await desk.notices.flush()
def terms(text):
    i=text.index("referral_id:", text.index("referral.status-changed" if 0 else "referral.made:"))
    j=text.index("readers:", i); k=text.index("]", j)
    print(text[i:k+1])
    return text[:j]+"readers: [support]"+text[k+1:]
def test_hidden(desk, world, council):
    signed=world.another_contract(terms=terms)
    council.believe(world.book(COUNCIL, signed), world.manifests)
    v=draft_event(MADE,to=(COUNCIL,SUPPORT),signed=signed).value()
    b=council.take(at_offsets(Log(POLICE).send(v)))
    print(b)
