//! Synthesis of labelled spatial datasets: event banks, rooms, FOA impulse responses, mixing.
