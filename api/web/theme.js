// Sets the chosen theme before anything is drawn; a classic script, so that the page never flashes in the other one.
try {
  const chosen = localStorage.getItem("pensieve.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage is switched off: the system's choice it is.
}
