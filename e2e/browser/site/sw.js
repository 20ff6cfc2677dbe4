// Keeps the page itself for visits without a network. Data is the client library's business, not this file's.
const cacheName = 'page'

self.addEventListener('install', event => {
  event.waitUntil(caches.open(cacheName).then(cache => cache.addAll(['./', './main.js', './main.css'])))
  self.skipWaiting()
})
self.addEventListener('activate', event => event.waitUntil(self.clients.claim()))
self.addEventListener('fetch', event => {
  if (new URL(event.request.url).origin !== self.location.origin) return
  event.respondWith(caches.match(event.request, { ignoreSearch: true }).then(found => found ?? fetch(event.request)))
})
