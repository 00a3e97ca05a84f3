//! The whole reactor on the simulated ground: the bytes decide what happens in the world of the simulation, who connects,
//! what is said, cut, lost, read, left unread, published and drained, and how much time passes.
//!
//! After every turn the reactor's invariants are checked and the model looks at every byte that was written; at the end
//! the books must add up: what was published is what each member got and was told to have missed, in order, once.

use super::model::runs::world::World;

pub fn drive(input: &[u8]) {
    let mut step = 0;
    let outcome = World::scripted(input).and_then(|mut world| world.run(None, &mut step));
    if let Err(why) = outcome {
        panic!("step {step}: {why}");
    }
}
