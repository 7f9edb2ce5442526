/**
 * What carries pictures and sound: chosen by what the server says, the same to the page.
 *
 * A medium is an object with
 *   update(media)              what a later welcome says of the medium
 *   came(id, first)            somebody is in the room; `first`: they were there before us, or their
 *                              connection has to be made by us
 *   gone(id)                   somebody is not in the room any more
 *   signal(from, data)         what the medium of another person sent to ours, by way of the server
 *   publish(kind, track)       send this from now on; null: nothing
 *   close()
 * and tells the page by `hears`:
 *   you                        this participant's id
 *   send(to, data)             to the medium of another person; it may be lost
 *   track(person, kind, track) what somebody sends, or will; whether it is on, the server tells
 *   link(person, state)        `connecting`, `connected` or `lost`
 * Kinds are `microphone`, `camera`, `screen` and `screen_sound`.
 */

import { Mesh } from "./mesh.js";

/**
 * The medium of a welcome.
 * @param {{kind: string}} media
 * @param {object} hears
 * @throws {Error} this page does not know such a medium
 */
export async function openMedium(media, hears) {
  if (media.kind === "mesh") return new Mesh(media, hears);
  if (media.kind === "livekit") {
    // Large, and of no use to anybody else.
    const { LiveKit } = await import("./livekit.js");
    return new LiveKit(media, hears);
  }
  throw new Error(`no medium of the kind ${media.kind}`);
}
