"use strict";
(() => {
  document.getElementById("lifeless").remove();
  const data = JSON.parse(document.getElementById("data").textContent);
  const video = document.getElementById("video");
  const plot = document.getElementById("plot");
  const playhead = document.getElementById("playhead");
  const now = document.getElementById("now");
  const cells = [...document.querySelectorAll("[data-now]")];
  const middles = data.starts.map((start, i) => (start + data.ends[i]) / 2);
  let position = 0; // seconds; also where a browser that cannot play the video has its playhead
  let playable = true;

  // The clip whose middle is nearest: the one that the curves show at this place.
  function clipAt(seconds) {
    let low = 0, high = middles.length - 1;
    while (low < high) {
      const half = (low + high) >> 1;
      if ((middles[half] + middles[half + 1]) / 2 < seconds) low = half + 1; else high = half;
    }
    return low;
  }

  function clock(seconds) {
    const tenths = Math.round(seconds * 10), whole = Math.floor(tenths / 10);
    const two = (number) => String(number).padStart(2, "0");
    const minutes = Math.floor(whole / 60), hours = Math.floor(minutes / 60);
    const text = hours ? `${hours}:${two(minutes % 60)}` : `${minutes}`;
    return `${text}:${two(whole % 60)}.${tenths % 10}`;
  }

  const percent = (score) => `${(100 * score).toFixed(1)} %`;

  function show() {
    const clip = clipAt(position);
    playhead.style.left = `${100 * Math.min(1, position / data.duration)}%`;
    now.textContent = clock(position);
    cells.forEach((cell, i) => { cell.textContent = percent(data.scores[clip][i]); });
    const best = data.scores[clip]
      .map((score, i) => [score, i]).sort((a, b) => b[0] - a[0]).slice(0, 3)
      .map(([score, i]) => `${data.classes[i]} ${percent(score)}`).join(", ");
    plot.setAttribute("aria-valuenow", position.toFixed(2));
    plot.setAttribute("aria-valuetext", `${clock(position)} of ${clock(data.duration)}; ${best}`);
  }

  function seek(seconds) {
    position = Math.min(Math.max(0, seconds), data.duration);
    if (playable) video.currentTime = position;
    show();
  }

  function follow() {
    if (!playable || video.seeking) return;
    position = Math.min(video.currentTime, data.duration);
    show();
  }

  function play() {
    follow();
    if (!video.paused && !video.ended) requestAnimationFrame(play);
  }

  function toggle() {
    if (!playable) return;
    if (video.paused) video.play().catch(() => {}); else video.pause();
  }

  video.addEventListener("play", play);
  for (const event of ["timeupdate", "seeked", "pause", "ended"]) video.addEventListener(event, follow);
  function fail() {
    playable = false;
    document.getElementById("trouble").hidden = false;
  }
  video.addEventListener("error", fail);
  if (video.error) fail();

  function place(event) {
    const box = plot.getBoundingClientRect();
    seek((event.clientX - box.left) / box.width * data.duration);
  }
  plot.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    plot.setPointerCapture(event.pointerId);
    place(event);
  });
  plot.addEventListener("pointermove", (event) => {
    if (plot.hasPointerCapture(event.pointerId)) place(event);
  });

  const keys = {
    ArrowLeft: () => seek(position - data.step),
    ArrowDown: () => seek(position - data.step),
    ArrowRight: () => seek(position + data.step),
    ArrowUp: () => seek(position + data.step),
    PageDown: () => seek(position - 10 * data.step),
    PageUp: () => seek(position + 10 * data.step),
    Home: () => seek(0),
    End: () => seek(data.duration),
    " ": toggle,
  };
  plot.addEventListener("keydown", (event) => {
    if (!(event.key in keys) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    keys[event.key]();
  });
  for (const button of document.querySelectorAll("[data-seek]")) {
    button.addEventListener("click", () => seek(Number(button.dataset.seek)));
  }
  show();
})();
